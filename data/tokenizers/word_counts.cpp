#include "data/tokenizers/word_counts.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "data/text/records.h"
#include "data/text/sides.h"
#include "data/tokenizers/pieces.h"

namespace primer::data {

namespace {

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = bytes.size();
  const auto mix = [&](std::uint64_t more) {
    hash = (hash ^ more) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  };
  for (; bytes.size() > 8; bytes.remove_prefix(8)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), 8);
    mix(eight);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes.data(), bytes.size());
  mix(rest);
  return hash;
}

constexpr std::size_t longest_word = 64u << 10;     // bytes; a longer piece is counted in parts
constexpr std::size_t stretch_bytes = 16u << 20;    // of text held at once, unless no cut is found in it
constexpr std::size_t longest_stretch = 64u << 20;  // then the text is cut anyway
constexpr std::size_t part_bytes = 1u << 20;        // of a stretch that one thread counts at a time

// Whether a cut of the pattern lies before text[i] whatever is around: before a single space or line feed between two
// symbols of which the first ends what stands there and the second is no white space.
bool is_safe_cut(std::string_view text, std::size_t i) {
  if (i == 0 || i + 1 >= text.size() || (text[i] != ' ' && text[i] != '\n')) return false;
  const auto ascii_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  if (ascii_space(text[i - 1]) || ascii_space(text[i + 1])) return false;
  const Decoded next = decode_symbol(text.substr(i + 1), false);
  return next.width > 0 && class_of(next.symbol) != SymbolClass::space;
}

// The last safe cut in (begin, end], or begin.
std::size_t last_cut(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t cut = end;
  while (cut > begin && !is_safe_cut(text, cut)) --cut;
  return cut;
}

// Counts a stretch of text that ends at a cut.
void count_stretch(std::string_view text, WordCounts& counts) {
  std::vector<std::size_t> cuts{0};
  while (text.size() - cuts.back() > part_bytes) {
    const std::size_t cut = last_cut(text, cuts.back(), cuts.back() + part_bytes);
    if (cut == cuts.back()) break;  // the rest is one part, however long
    cuts.push_back(cut);
  }
  cuts.push_back(text.size());
  const auto parts = static_cast<long>(cuts.size()) - 1;
  std::vector<WordCounts> found(static_cast<std::size_t>(parts));
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) if (parts > 1)
  for (long part = 0; part < parts; ++part) {
    const auto p = static_cast<std::size_t>(part);
    try {
      std::string_view rest = text.substr(cuts[p], cuts[p + 1] - cuts[p]);
      PieceCutter cutter;
      while (const std::size_t length = cutter.cut(rest, true)) {
        std::string_view word = rest.substr(0, length);
        for (; word.size() > longest_word; word.remove_prefix(longest_word)) {
          found[p].add(word.substr(0, longest_word));
        }
        found[p].add(word);
        rest.remove_prefix(length);
      }
    } catch (...) {  // out of memory
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  for (const WordCounts& part : found) counts.add(part);
}

void keep_within(WordCounts& counts, std::uint64_t most_bytes) {
  if (counts.bytes() <= most_bytes) return;
  for (std::uint64_t rare = 1; counts.bytes() > most_bytes / 2; ++rare) counts.drop_rare(rare);
}

}  // namespace

std::size_t WordCounts::find(std::string_view word, std::uint64_t hash) const {
  const std::size_t mask = places_.size() - 1;
  std::size_t place = static_cast<std::size_t>(hash >> 20) & mask;
  for (; places_[place] != 0; place = (place + 1) & mask) {
    const Word& other = words_[places_[place] - 1];
    if (other.hash == hash && text(other) == word) break;
  }
  return place;
}

void WordCounts::grow() {
  places_.assign(std::max<std::size_t>(1024, 2 * places_.size()), 0);
  const std::size_t mask = places_.size() - 1;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::size_t place = static_cast<std::size_t>(words_[i].hash >> 20) & mask;
    while (places_[place] != 0) place = (place + 1) & mask;
    places_[place] = static_cast<std::uint32_t>(i + 1);
  }
}

void WordCounts::add(std::string_view word, std::uint64_t count) {
  if (2 * (words_.size() + 1) > places_.size()) grow();
  const std::uint64_t hash = hash_of(word);
  std::uint32_t& place = places_[find(word, hash)];
  if (place == 0) {
    words_.push_back({hash, bytes_.size(), 0, static_cast<std::uint32_t>(word.size())});
    bytes_ += word;
    place = static_cast<std::uint32_t>(words_.size());
  }
  words_[place - 1].count += count;
}

void WordCounts::add(const WordCounts& other) {
  for (const Word& word : other.words_) add(other.text(word), word.count);
}

void WordCounts::drop_rare(std::uint64_t count) {
  WordCounts kept;
  for (const Word& word : words_) {
    if (word.count > count) kept.add(text(word), word.count);
  }
  *this = std::move(kept);
}

WordCounts count_words(std::string_view text) {
  WordCounts counts;
  count_stretch(text, counts);
  return counts;
}

WordCounts count_words(const Sources& sources, const StreamSplit& split, std::uint64_t most_bytes) {
  WordCounts counts;
  std::string stretch;
  std::size_t searched = 0;  // up to here the stretch has no safe cut
  const auto count = [&](std::size_t end) {
    count_stretch(std::string_view(stretch).substr(0, end), counts);
    stretch.erase(0, end);
    searched = 0;
    keep_within(counts, most_bytes);
  };
  for (std::size_t file = 0; file < sources.files.size(); ++file) {
    StreamCutter cutter = split.cutter(file);
    each_block(sources.files[file], sources.fields, 0, [&](std::string_view block) {
      cutter.feed(block, [&](std::string_view piece, int part) {
        if (part == 0) stretch += piece;
        else if (!stretch.empty()) count(stretch.size());
      });
      if (stretch.size() < stretch_bytes) return;
      std::size_t end = last_cut(stretch, searched, stretch.size());
      if (end == searched && stretch.size() < longest_stretch) {
        searched = stretch.size() - 8;  // what stands behind a cut is looked at too
        return;
      }
      if (end == searched) end = stretch.size();
      count(end);
    });
    count(stretch.size());
  }
  return counts;
}

std::array<WordCounts, 2> count_words_of_sides(const Sources& sources, std::uint64_t most_bytes) {
  std::array<WordCounts, 2> counts;
  each_pair(sources, [&](std::string_view source, std::string_view target) {
    count_stretch(source, counts[0]);
    count_stretch(target, counts[1]);
    for (WordCounts& side : counts) keep_within(side, most_bytes);
  });
  return counts;
}

}  // namespace primer::data
