// One layer of attention is a table of skip-trigrams, [source] ... [destination] -> [out]: a head looks from one token
// at another and raises what that one says. "Ashford ... Doctor" -> Ashford can be learned so, and a name that is new
// with its title cannot. "keep ... in" -> mind and "keep ... at" -> bay are two others: a head that looks at keep from
// both raises both from both, and "keep ... in" -> bay is its mistake.
#include <algorithm>
#include <array>
#include <cmath>

#include "studies/circuits/paths.h"
#include "studies/circuits/probes.h"
#include "studies/circuits/texts/doctor.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

using train::Head, train::Matrix;

constexpr long heads = 4;
constexpr int V = Doctor::vocabulary, town = Doctor::bay + 1;  // a noun that never follows keep
constexpr int destinations[]{Doctor::title, Doctor::title + 3, Doctor::in, Doctor::at};

Net<float> trained(Lab& lab, long layers, std::uint64_t seed) {
  lab.at(std::to_string(layers) + (layers == 1 ? " layer" : " layers"));
  Net<float> net(attention_only(V, Doctor::length, layers), seed);
  fit<float>(net, {.steps = lab.steps(2000), .seed = seed}, lab.interruption,
             [&](long step) { return Doctor::documents(seed, step, 64); });
  return net;
}

/// ln p of the only target of each sequence.
std::vector<double> log_p(const nn::Model<float>& model, const data::Batch& batch) {
  std::vector<double> all;
  for (const Judged& one : judge(model, batch)) all.push_back(-one.nll);
  return all;
}

std::vector<double> p_of(std::vector<double> logs) {
  for (double& one : logs) one = std::exp(one);
  return logs;
}

/// ln p(X | X had this title) - ln p(X | X had another's): what it brings that the name stood behind the title.
std::vector<double> lifts(const nn::Model<float>& model, std::uint64_t seed, long count) {
  const auto asked = [&](bool swapped) {
    return log_p(model, Doctor::questions(Doctor::Asked::unseen, seed, count, swapped));
  };
  return difference(asked(false), asked(true));
}

/// ln p of what follows keep ... in, and keep ... at: the noun that belongs there, the other one's, or one that never
/// follows keep.
enum class Noun { right, mistaken, other };
std::vector<double> kept(const nn::Model<float>& model, Noun noun, std::uint64_t seed, long count) {
  std::vector<double> all;
  for (const int preposition : {Doctor::in, Doctor::at}) {
    data::Batch batch = Doctor::idioms(Doctor::keep, preposition, seed, count);
    for (int& target : batch.targets) {
      if (target < 0 || noun == Noun::right) continue;
      target = noun == Noun::other ? town : target == Doctor::mind ? Doctor::bay : Doctor::mind;
    }
    const std::vector<double> found = log_p(model, batch);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

/// ln of the share of what is learned that is bay, or mind: both are as frequent.
double log_unigram(std::uint64_t seed, long count) {
  const data::Batch text = Doctor::documents(seed + 1'000'000, 0, count);
  const auto of = [&](int token) { return std::count(text.targets.begin(), text.targets.end(), token); };
  return std::log((of(Doctor::mind) + of(Doctor::bay)) / 2.0 / text.target_count());
}

/// What each head adds by looking at keep from the preposition, above what it adds to the nouns that keep never has:
/// to the right noun and to the mistaken one, means over documents. Exact: logits are the sum of A(t, s) OV(s, out).
using Added = std::pair<double, double>;
std::array<Added, heads> added_by(const nn::Model<float>& model, int preposition, std::uint64_t seed, long count) {
  const data::Batch batch = Doctor::idioms(Doctor::keep, preposition, seed, count);
  const auto pattern = train::patterns_of(model, batch)[0];  // [B, H, T, T]
  const int right = preposition == Doctor::in ? Doctor::mind : Doctor::bay;
  const int mistaken = right == Doctor::mind ? Doctor::bay : Doctor::mind;
  std::array<Added, heads> added;
  for (long h = 0; h < heads; ++h) {
    double look = 0;  // mean of A(t, s): keep stands at s = t - 2
    for (long place = 0; place < batch.sequences * batch.length; ++place) {
      if (batch.targets[place] < 0) continue;
      const long b = place / batch.length, t = place % batch.length;
      const double looks = pattern[((b * heads + h) * batch.length + t) * batch.length + t - 2];
      look += looks / batch.sequences;
    }
    const Matrix ov = raised_by(model, {0, h});
    double others = 0;  // mean
    for (int noun = town; noun < Doctor::way; ++noun) others += ov(Doctor::keep, noun) / (Doctor::nouns - 2);
    added[h] = {look * (ov(Doctor::keep, right) - others), look * (ov(Doctor::keep, mistaken) - others)};
  }
  return added;
}

/// W_E W_QK W_E^T / sqrt(D), [V, V]: scores of a token, the row, and each that it may look at.
Matrix looks_of(const nn::Model<float>& model, Head head) {
  const train::HeadWeights weights = weights_of(model, head);
  const Matrix rows = train::token_rows_of(model);
  Matrix scores = product(product(rows, transposed(weights.q)), transposed(product(rows, transposed(weights.k))));
  for (double& one : scores.values) one /= std::sqrt(weights.q.rows);
  return scores;
}

/// Each row less its mean.
Matrix above_mean(Matrix table) {
  for (long i = 0; i < table.rows; ++i) {
    double sum = 0;
    for (long j = 0; j < table.columns; ++j) sum += table(i, j);
    for (long j = 0; j < table.columns; ++j) table(i, j) -= sum / table.columns;
  }
  return table;
}

/// The strongest skip-trigrams of a head by QK(destination, source) OV(source, out): out is a name behind titles and a
/// noun behind in and at, which is what the direct path sees to.
std::string strongest(const Matrix& looks, const Matrix& raised, std::size_t count) {
  std::vector<std::pair<double, std::string>> found;
  for (int source = 1; source < V; ++source) {
    for (const int from : destinations) {
      if (looks(from, source) < 0) continue;
      const auto [first, last] =
          from < Doctor::name ? std::pair{Doctor::name, Doctor::verb} : std::pair{Doctor::noun, Doctor::way};
      const double* row = raised.row(source);
      const auto out = std::max_element(row + first, row + last);
      found.emplace_back(-looks(from, source) * *out, Doctor::word(source) + " ... " + Doctor::word(from) + " -> " +
                                                          Doctor::word(static_cast<int>(out - row)));
    }
  }
  std::sort(found.begin(), found.end());
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i > 0 ? "; " : "") + found[i].second;
  return text;
}

void draw(Lab& lab, const nn::Model<float>& model) {
  const int own = Doctor::name, judges = Doctor::name + 3, any = Doctor::name + 110;
  const std::vector<int> sources{own, judges, any, Doctor::keep, Doctor::keep + 1};
  const std::vector<int> outs{own, judges, any, Doctor::mind, Doctor::bay, town};
  train::Table qk, ov;
  for (const int source : sources) qk.columns.push_back(Doctor::word(source));
  for (const int out : outs) ov.columns.push_back(Doctor::word(out));
  for (long h = 0; h < heads; ++h) {
    const Matrix looks = above_mean(looks_of(model, {0, h})), raised = above_mean(raised_by(model, {0, h}));
    const std::string head = "head " + std::to_string(h) + ", ";
    for (const int from : destinations) {
      qk.rows.push_back(head + Doctor::word(from));
      for (const int source : sources) qk.values.push_back(looks(from, source));
    }
    for (const int source : sources) {
      ov.rows.push_back(head + Doctor::word(source));
      for (const int out : outs) ov.values.push_back(raised(source, out));
    }
    lab.note("Strongest of " + head + "by its looks times what it raises: " + strongest(looks, raised, 4) + ".");
  }
  lab.picture(
      train::heat_map({"QK circuits: where heads look",
                       "Scores of a token, the row, and one that it may look at, above the mean over all. Doctor "
                       "looks at names that are Doctors', Judge at those of Judges."},
                      qk));
  lab.picture(train::heat_map({"OV circuits: what heads raise",
                               "What looking at a token, the row, adds to logits, above the mean over all. Names raise "
                               "themselves; keep raises mind and bay, whoever looks at it."},
                              ov));
}

void run(Lab& lab) {
  const long count = lab.size(1000, 4);
  lab.each_seed([&](std::uint64_t seed) {
    const Net<float> one = trained(lab, 1, seed), two = trained(lab, 2, seed);
    const auto p_of_name = [&](Doctor::Asked asked) {
      return p_of(log_p(one.model, Doctor::questions(asked, seed, count)));
    };
    double copying = 0;
    for (long h = 0; h < heads; ++h) copying += train::ov_positivity(one.model, {0, h}) > 0.5 ? 1.0 / heads : 0;
    const std::vector<double> unigram(2 * count, log_unigram(seed, lab.size(1000, 50)));
    const auto above_unigram = [&](const Net<float>& net, Noun noun) {
      return difference(kept(net.model, noun, seed, count), unigram);
    };
    double least = INFINITY;  // of in and at: what the head that adds most to the right noun adds to the mistaken one
    for (const int preposition : {Doctor::in, Doctor::at}) {
      const auto added = added_by(one.model, preposition, seed, lab.size(100, 4));
      least = std::min(least, std::max_element(added.begin(), added.end())->second);
    }
    const std::vector<double> by_one = lifts(one.model, seed, count), by_two = lifts(two.model, seed, count);
    lab.claim("p of a Doctor's own name after the second Doctor", p_of_name(Doctor::Asked::own), at_least(0.5));
    lab.figure("p of a name that goes with any title, seen with this one", p_of_name(Doctor::Asked::any));
    lab.claim("share of heads with OV positivity above 0.5", copying, at_least(0.5));
    lab.claim("p of mind after keep ... in, of bay after keep ... at", p_of(kept(one.model, Noun::right, seed, count)),
              at_least(0.5));
    lab.claim("ln p of bay after keep ... in over its share of the text", above_unigram(one, Noun::mistaken),
              at_least(0));
    lab.claim("what the head that adds most to mind adds to bay", least, at_least(0));
    lab.claim("ln p of town there, a noun that keep never has", above_unigram(one, Noun::other), at_most(0));
    lab.claim("ln p of bay there, two layers", above_unigram(two, Noun::mistaken), at_most(0));
    lab.claim("lift of a name new with its title, two layers", by_two, at_least(3));
    lab.figure("lift, one layer", by_one);
    lab.claim("lift of one layer less a quarter of two layers'", difference(by_one, by_two, 0.25), at_most(0));
    if (seed == 1) draw(lab, one.model);
  });
  lab.note(
      "Documents of 64 tokens about three people of four titles and 200 names, with sentences about what is kept in "
      "mind and at bay among them. Names and the nouns behind in and at are learned. Lift: ln p of the name where it "
      "stood behind this title, less ln p where it stood behind another person's.");
}

}  // namespace

const Study skip_trigrams{
    "skip-trigrams",
    "circuits",
    "One layer of attention is a sum of skip-trigrams: it remembers Doctor Ashford, mixes up idioms, and misses new "
    "names.",
    "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits, One-Layer Attention-Only Transformers",
    2,
    run};

}  // namespace primer::studies
