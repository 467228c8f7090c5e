// What is kept of a running text for validation: that learning pieces and encoding find the same borders.
#include "data/text/stream_split.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "data/bytes/checksum.h"
#include "data/examples/encoded_text.h"
#include "data/examples/token_file.h"
#include "data/tokenizers/bpe_training.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

using Pieces = std::vector<std::pair<int, std::string>>;  // part, text

/// Lines of words of several alphabets, some very long, and bytes that are no text.
std::string mixed(std::size_t bytes, unsigned seed) {
  const std::vector<std::string> words{"a",
                                       "the ",
                                       "\xC3\xA4ther ",
                                       "\xE4\xBD\xA0\xE5\xA5\xBD",
                                       "\xF0\x9F\x98\x80 ",
                                       "\xFF",
                                       "\x80\x80",
                                       "\xE4\xBD",
                                       ". ",
                                       "\r\n",
                                       "\n",
                                       "\n\n"};
  std::mt19937 random(seed);
  std::string text;
  for (std::size_t line = 0; text.size() < bytes; ++line) {
    const std::size_t length = line % 7 == 6 ? 900 : random() % 60;
    for (std::size_t i = 0; i < length; ++i) text += words[random() % (line % 7 == 6 ? 9 : words.size())];
    text += '\n';
  }
  return text;
}

/// The text cut, in blocks of random lengths up to `most`; pieces of one part are joined.
Pieces cut(StreamCutter cutter, std::string_view text, std::size_t most, unsigned seed = 1) {
  std::mt19937 random(seed);
  Pieces pieces;
  while (!text.empty()) {
    const std::size_t length = std::min<std::size_t>(1 + random() % most, text.size());
    cutter.feed(text.substr(0, length), [&](std::string_view piece, int part) {
      if (pieces.empty() || pieces.back().first != part) pieces.push_back({part, {}});
      pieces.back().second += piece;
    });
    text.remove_prefix(length);
  }
  return pieces;
}

TextFacts of_lengths(const std::vector<std::uint64_t>& bytes) {
  TextFacts facts;
  for (const std::uint64_t n : bytes) {
    facts.files.emplace_back();
    facts.files.back().bytes = n;
  }
  return facts;
}

std::string part_of(const Pieces& pieces, int part) {
  std::string text;
  for (const auto& [of, piece] : pieces) text += of == part ? piece : "";
  return text;
}

std::vector<int> all_of(const TokenSequence& tokens) {
  std::vector<int> out(tokens.size());
  tokens.read(0, out.size(), out.data());
  return out;
}

}  // namespace

TEST_CASE("the share that is held back is the fraction, in blocks all over the text, by lengths, fraction and seed") {
  for (const std::size_t bytes : {600, 4'000, 50'000, 400'000}) {
    const std::string text = mixed(bytes, 3);
    for (const double fraction : {0.0, 0.05, 0.1, 0.5, 0.9}) {
      CAPTURE(bytes);
      CAPTURE(fraction);
      const double wanted = fraction * static_cast<double>(text.size());
      std::set<std::string> drawn;
      for (const std::uint64_t seed : {1, 1, 2, 3}) {
        const StreamSplit split(of_lengths({text.size()}), Split::spread, fraction, seed);
        const Pieces pieces = cut(split.cutter(0), text, text.size());
        const std::string held_back = part_of(pieces, 1);
        const auto blocks = std::count_if(pieces.begin(), pieces.end(), [](const auto& p) { return p.first == 1; });
        const double block = wanted / static_cast<double>(std::max<long>(blocks, 1));
        CHECK(std::abs(static_cast<double>(held_back.size()) - wanted) <= block);
        if (bytes > 100'000 && fraction > 0 && fraction < 0.5) CHECK(blocks >= 14);  // neighbours may touch
        drawn.insert(held_back);
      }
      if (bytes > 1'000 && fraction < 0.9) CHECK(drawn.size() == (fraction > 0 ? 3 : 1));  // the seed decides alone
    }
  }
}

TEST_CASE("however a text arrives it is cut at the same places, behind lines or else between whole symbols") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    const std::string text = mixed(300 + seed * seed * 40, seed);
    const StreamSplit split(of_lengths({text.size()}), Split::spread, 0.02 * seed, seed);
    const Pieces whole = cut(split.cutter(0), text, text.size());
    for (const std::size_t most : {1, 2, 5, 100, 1000}) CHECK(cut(split.cutter(0), text, most, seed) == whole);
    CHECK(whole.size() > 1);
    std::string again;
    std::uint64_t symbols = 0, of_pieces = 0;
    for (const auto& [part, piece] : whole) {
      again += piece;
      each_symbol(piece, [&](Symbol, int) { ++of_pieces; });
    }
    each_symbol(text, [&](Symbol, int) { ++symbols; });
    CHECK(again == text);
    CHECK(of_pieces == symbols);
  }
}

TEST_CASE("a border lies behind the line that it is in; where that is too long, before a symbol") {
  const std::string umlauts = "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4";
  CHECK(cut({{3, 9}, 5}, "01234\n678\nabc\n", 1) == Pieces{{0, "01234\n"}, {1, "678\n"}, {0, "abc\n"}});
  CHECK(cut({{3, 4}, 5}, "01234\n678\nabc\n", 1) == Pieces{{0, "01234\n"}, {1, "678"}, {0, "\nabc\n"}});
  CHECK(cut({{1, 4}, 2}, umlauts, 1) == Pieces{{0, umlauts.substr(0, 4)}, {1, umlauts.substr(4, 2)}, {0, "\xC3\xA4"}});
  CHECK(cut({{0, 3}, 9}, "a\n\n\r\n\nb\nc", 1) == Pieces{{1, "a\n\n\r\n\n"}, {0, "b\nc"}});
  CHECK(cut({{1}, 3}, "a\n\n\n\nb", 1) == Pieces{{0, "a\n\n\n"}, {1, "\nb"}});
  CHECK(cut({{0, 3}, 4}, "a\nb\nc", 1) == Pieces{{1, "a\nb\n"}, {0, "c"}});
  CHECK(cut({{3}, 0}, "a\n\xC3\xA4", 1) == Pieces{{0, "a\n\xC3"}, {1, "\xA4"}});
  CHECK(cut({{0}, 0}, "ab", 1) == Pieces{{1, "ab"}});
  CHECK(cut({{9}, 4}, "ab", 1) == Pieces{{0, "ab"}});
}

TEST_CASE("of twenty files whole ones are drawn, unless one is too long for that") {
  std::vector<std::uint64_t> lengths;
  for (std::uint64_t i = 0; i < 20; ++i) lengths.push_back(1000 + 37 * i);
  const auto drawn = [&](std::uint64_t seed) {
    const StreamSplit split(of_lengths(lengths), Split::spread, 0.1, seed);
    std::set<std::size_t> files;
    bool are_whole = true;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const Pieces pieces = cut(split.cutter(i), std::string(lengths[i], '\n'), 999);
      are_whole = are_whole && pieces.size() == 1;
      if (pieces.front().first == 1) files.insert(i);
    }
    return are_whole ? files : std::set<std::size_t>{};
  };
  CHECK(drawn(1).size() == 2);
  CHECK(drawn(1) == drawn(1));
  CHECK(drawn(1) != drawn(2));
  lengths[7] = 20'000;
  CHECK(drawn(1).empty());
  lengths[7] = 1000;
  lengths.pop_back();
  CHECK(drawn(1).empty());
}

TEST_CASE("what is encoded to be learned from is what pieces are learned from, and both parts are the text") {
  const TemporaryFolder folder;
  std::vector<std::string> paths, texts;
  for (unsigned i = 0; i < 3; ++i) {
    texts.push_back(mixed(9'000 + 7'000 * i, i));
    paths.push_back(folder.put(std::to_string(i), texts.back()));
  }
  const Sources sources = collect_sources(paths);
  const TextFacts surveyed = survey(sources);
  const StreamSplit split(surveyed, Split::spread, 0.2, 5);
  const auto learned = count_words(sources, split);
  const auto pieces = train_bpe(learned, 400);
  for (const auto& tokenizer : {make_byte_tokenizer(), make_character_tokenizer(surveyed.alphabet), pieces}) {
    CAPTURE(tokenizer->kind());
    TextFacts facts = surveyed;
    EncodedText(folder / "tokens", sources, facts, *tokenizer, &split).commit(0.2, 5);
    const TokenFile file(folder / "tokens");
    file.verify();
    std::string parts[2];
    std::uint64_t held_back = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Pieces cut_text = cut(split.cutter(i), texts[i], 777);
      for (const int part : {0, 1}) parts[part] += part_of(cut_text, part);
      held_back += *facts.files[i].validation_tokens;
    }
    CHECK(tokenizer->decode(all_of(file.train())) == parts[0]);
    CHECK(tokenizer->decode(all_of(file.validation())) == parts[1]);
    CHECK(file.train_bytes() == parts[0].size());
    CHECK(file.validation_bytes() == parts[1].size());
    CHECK(file.validation_size() == held_back);
    WordCounts wanted;  // of the runs to learn from, each a text of its own
    for (const Example& run : file.train().examples()) {
      std::vector<int> ids(run.tokens);
      file.train().read(run.begin, run.tokens, ids.data());
      wanted.add(count_words(tokenizer->decode(ids)));
    }
    CHECK(train_bpe(wanted, 400)->json() == pieces->json());
    REQUIRE(wanted.words().size() == learned.words().size());
    for (std::size_t i = 0; i < wanted.words().size(); ++i) {
      CHECK(wanted.text(wanted.words()[i]) == learned.text(learned.words()[i]));
      CHECK(wanted.words()[i].count == learned.words()[i].count);
    }

    EncodedText(folder / "tokens", sources, facts, *tokenizer, &split).commit(0);  // the text proved too short
    CHECK(TokenFile(folder / "tokens").validation_size() == 0);
    CHECK(tokenizer->decode(all_of(TokenFile(folder / "tokens").train())) == texts[0] + texts[1] + texts[2]);
  }
}

TEST_CASE("a file that is held back is so whole, and the others are divided as without it") {
  const TemporaryFolder folder;
  const std::string text = mixed(9'000, 1);
  Sources sources = collect_sources({folder.put("1", text)});
  const StreamSplit alone(survey(sources), Split::spread, 0.1, 1);
  hold_back(sources, collect_sources({folder.put("2", text + "more")}));
  const StreamSplit split(survey(sources), Split::spread, 0.1, 1);
  CHECK(cut(split.cutter(0), text, 99) == cut(alone.cutter(0), text, 99));
  CHECK(cut(split.cutter(1), text, 99) == Pieces{{1, text}});
  CHECK(cut(StreamSplit().cutter(0), text, 99) == Pieces{{0, text}});
}

TEST_CASE("a text divided by place is the file of tokens that earlier versions made of it") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 700; ++i) text += std::to_string(i * i) + (i % 9 ? " " : "\xC3\xA4\n");
  const Sources sources = collect_sources({folder.put("1", text), folder.put("2", "z" + text.substr(0, 99))});
  TextFacts facts = survey(sources);
  EncodedText(folder / "tokens", sources, facts, *make_character_tokenizer(facts.alphabet)).commit(0.1);
  CHECK(crc32c(read_file(folder / "tokens", 10'000)) == 0x986ca219);
}

}  // namespace primer::data
