#include "program/commands/tokenize_stats.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "data/text/unicode.h"
#include "train/step/json_line.h"

namespace primer::program {

using namespace train;

namespace {

double ratio(std::uint64_t a, std::uint64_t b) {
  return static_cast<double>(a) / static_cast<double>(std::max(b, std::uint64_t{1}));
}

// The ids that occur, the `top` first by `comes_before`, equal ones in the order of the ids.
template <class Before>
std::vector<int> first_of(const TokenStats& stats, long top, Before comes_before) {
  std::vector<int> ids(stats.counts.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::erase_if(ids, [&](int id) { return stats.counts[static_cast<std::size_t>(id)] == 0; });
  std::stable_sort(ids.begin(), ids.end(), comes_before);
  ids.resize(std::min(ids.size(), static_cast<std::size_t>(top)));
  return ids;
}

std::vector<int> commonest(const TokenStats& stats, long top) {
  const auto count = [&](int id) { return stats.counts[static_cast<std::size_t>(id)]; };
  return first_of(stats, top, [&](int a, int b) { return count(a) > count(b); });
}

std::vector<int> longest(const TokenStats& stats, const data::Tokenizer& tokenizer, long top) {
  const auto size = [&](int id) { return tokenizer.token_text(id).size(); };
  return first_of(stats, top, [&](int a, int b) { return size(a) > size(b); });
}

std::size_t used(const TokenStats& stats) {
  return stats.counts.size() - static_cast<std::size_t>(std::count(stats.counts.begin(), stats.counts.end(), 0));
}

}  // namespace

TokenStats count_stats(const data::Sources& sources, const data::Tokenizer& tokenizer) {
  TokenStats stats;
  stats.counts.resize(static_cast<std::size_t>(tokenizer.vocabulary_size()));
  for (const data::Source& source : sources.files) {
    data::TextReader reader(source);
    data::SymbolReader symbols;
    const auto encoder = tokenizer.encoder();
    std::vector<int> ids;
    bool in_word = false;
    const auto look = [&](data::Symbol symbol, int) {
      const bool space = data::class_of(symbol) == data::SymbolClass::space;
      stats.words += !space && !in_word;
      in_word = !space;
    };
    const auto take = [&] {
      for (const int id : ids) ++stats.counts[static_cast<std::size_t>(id)];
      stats.tokens += ids.size();
      ids.clear();
    };
    for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
      stats.bytes += block.size();
      symbols.feed(block, look);
      encoder->feed(block, ids);
      take();
    }
    symbols.finish(look);
    encoder->finish(ids);
    take();
    if (tokenizer.unknown() < 0) stats.unknown += encoder->unknown().symbols;
  }
  if (const int unknown = tokenizer.special(data::unknown_name); unknown >= 0) {
    stats.unknown += stats.counts[static_cast<std::size_t>(unknown)];
  }
  return stats;
}

std::string stats_text(const TokenStats& stats, const data::Tokenizer& tokenizer, long top) {
  char line[256];
  std::snprintf(line, sizeof line, "tokenizer   %s, vocabulary %d, of which %zu occur\n",
                std::string(tokenizer.kind()).c_str(), tokenizer.vocabulary_size(), used(stats));
  std::string out = line;
  std::snprintf(line, sizeof line, "text        %llu bytes, %llu words\n", static_cast<unsigned long long>(stats.bytes),
                static_cast<unsigned long long>(stats.words));
  out += line;
  std::snprintf(line, sizeof line, "tokens      %llu: %.3f a byte, %.3f bytes each, %.3f a word\n",
                static_cast<unsigned long long>(stats.tokens), ratio(stats.tokens, stats.bytes),
                ratio(stats.bytes, stats.tokens), ratio(stats.tokens, stats.words));
  out += line;
  if (tokenizer.special(data::unknown_name) >= 0 || stats.unknown > 0) {
    std::snprintf(line, sizeof line, "unknown     %llu\n", static_cast<unsigned long long>(stats.unknown));
    out += line;
  }
  const auto list = [&](const char* name, const std::vector<int>& ids) {
    for (const int id : ids) {
      const std::uint64_t count = stats.counts[static_cast<std::size_t>(id)];
      std::snprintf(line, sizeof line, "%-11s %d, %llu times (%.2f %%): ", name, id,
                    static_cast<unsigned long long>(count), 100 * ratio(count, stats.tokens));
      out += line + ("\"" + data::printable(tokenizer.token_text(id)) + "\"\n");
    }
  };
  list("common", commonest(stats, top));
  list("long", longest(stats, tokenizer, top));
  return out;
}

std::string stats_json(const TokenStats& stats, const data::Tokenizer& tokenizer, long top) {
  const auto list = [&](const std::vector<int>& ids) {
    std::string json;
    for (const int id : ids) {
      JsonLine entry;
      entry.add("id", static_cast<long>(id))
          .add_text("token", tokenizer.token_text(id))
          .add("count", stats.counts[static_cast<std::size_t>(id)]);
      json += (json.empty() ? "" : ",") + entry.text();
    }
    return "[" + json + "]";
  };
  JsonLine line;
  line.add_text("tokenizer", tokenizer.kind())
      .add("vocabulary", static_cast<long>(tokenizer.vocabulary_size()))
      .add("used", static_cast<std::uint64_t>(used(stats)))
      .add("bytes", stats.bytes)
      .add("words", stats.words)
      .add("tokens", stats.tokens)
      .add("tokens_per_byte", ratio(stats.tokens, stats.bytes))
      .add("tokens_per_word", ratio(stats.tokens, stats.words))
      .add("unknown", stats.unknown)
      .add_json("common", list(commonest(stats, top)))
      .add_json("long", list(longest(stats, tokenizer, top)));
  return line.text() + "\n";
}

}  // namespace primer::program
