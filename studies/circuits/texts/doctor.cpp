#include "studies/circuits/texts/doctor.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

namespace {

struct Person {
  int title, name;
};

/// A document that is being written.
struct Writer {
  Writer(const char* purpose, std::uint64_t seed, long step, long document)
      : draws(purpose, seed, step, document << 16) {}

  Draws draws;
  std::vector<int> text{0};

  int below(int count) { return draws.below(count); }

  /// Three people of different titles and names; each name belongs to its title or goes with any, as is asked or by
  /// chance. Each was seen with its title, but for the first where that is asked.
  std::vector<Person> three(const Doctor::Asked* asked = nullptr) {
    std::vector<Person> people;
    while (people.size() < 3) {
      const Person one{below(Doctor::titles), below(Doctor::names)};
      if (asked && Doctor::belongs(one.name) != (*asked == Doctor::Asked::own)) continue;
      const bool is_new = asked && *asked == Doctor::Asked::unseen && people.empty();
      if (Doctor::is_seen(one.title, one.name) == is_new || (is_new && Doctor::belongs(one.name))) continue;
      if (std::any_of(people.begin(), people.end(),
                      [&](const Person& p) { return p.title == one.title || p.name == one.name; }))
        continue;
      people.push_back(one);
    }
    return people;
  }

  void about(const Person& who) {
    text.insert(text.end(), {Doctor::title + who.title, Doctor::name + who.name, Doctor::way + below(Doctor::ways),
                             Doctor::goal + below(Doctor::goals), 0});
  }

  void idiom() {
    const int verb = Doctor::verb + below(Doctor::verbs), preposition = Doctor::in + below(2);
    clause(verb, preposition);
    const int kept = preposition == Doctor::in ? Doctor::mind : Doctor::bay,
              other = Doctor::noun + below(Doctor::nouns);
    text.insert(text.end(), {verb == Doctor::keep ? kept : other, 0});
  }

  void clause(int verb, int preposition) {
    text.insert(text.end(), {Doctor::we, verb, Doctor::object + below(Doctor::objects), preposition});
  }
};

/// Puts a text into row b; what follows its end is the only target.
void ask(data::Batch& batch, long b, const std::vector<int>& text, int answer) {
  std::copy(text.begin(), text.end(), batch.tokens.begin() + b * batch.length);
  batch.targets[b * batch.length + text.size() - 1] = answer;
}

}  // namespace

const std::string& Doctor::word(int token) {
  static const std::vector<std::string> words = [] {
    const auto list = [](const char* text) {
      std::istringstream in(text);
      return std::vector<std::string>{std::istream_iterator<std::string>(in), {}};
    };
    std::vector<std::string> all = list(". Doctor Mr Mrs Judge");
    for (const auto& end : list("ford ley ton well wood man son by field worth"))
      for (const auto& begin : list("Ash Brad Cald Dray El Farn Gold Hart Kirk Lang Mar Nor Oak Pem Rad Stan Thorn Wes "
                                    "Whit York"))
        all.push_back(begin + end);
    for (const auto& rest :
         list("keep saw met left found lost it this that them mind bay town school sight court work "
              "night church peace went came ran drove walked hurried home back away out early we in at"))
      all.push_back(rest);
    return all;
  }();
  return words.at(token);
}

data::Batch Doctor::documents(std::uint64_t seed, long step, long sequences) {
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    Writer writer("doctor", seed, step, b);
    const std::vector<Person> people = writer.three();
    while (writer.text.size() <= length) {
      if (writer.below(3) == 0) writer.idiom();
      else writer.about(people[writer.below(3)]);
    }
    std::copy_n(writer.text.begin(), length, batch.tokens.begin() + b * length);
    for (long t = 0; t < length; ++t) {
      const int next = writer.text[t + 1];
      const bool is_learned = (next >= name && next < verb) || (next >= noun && next < way);
      if (is_learned) batch.targets[b * length + t] = next;
    }
  }
  return batch;
}

data::Batch Doctor::questions(Asked asked, std::uint64_t seed, long sequences, bool swapped) {
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    Writer writer("questions", seed, static_cast<long>(asked), b);
    std::vector<Person> people = writer.three(&asked);
    const Person first = people[0];
    if (swapped) std::swap(people[0].title, people[1].title);
    writer.draws.shuffle(std::span(people), 1);
    for (const Person& one : people) writer.about(one);
    writer.text.push_back(title + first.title);
    ask(batch, b, writer.text, name + first.name);
  }
  return batch;
}

data::Batch Doctor::idioms(int of_verb, int preposition, std::uint64_t seed, long sequences) {
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    Writer writer("idioms", seed, 0, b);
    for (const Person& one : writer.three()) writer.about(one);
    writer.clause(of_verb, preposition);
    ask(batch, b, writer.text, preposition == in ? mind : bay);
  }
  return batch;
}

}  // namespace primer::studies
