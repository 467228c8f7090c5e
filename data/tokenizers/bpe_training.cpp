#include "data/tokenizers/bpe_training.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/byte_level.h"

namespace primer::data {

namespace {

using Pair = std::uint64_t;  // left << 32 | right
Pair pair_of(int left, int right) {
  return Pair{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}
int left_of(Pair pair) { return static_cast<int>(pair >> 32); }
int right_of(Pair pair) { return static_cast<int>(static_cast<std::uint32_t>(pair)); }

struct PairHash {
  std::size_t operator()(Pair pair) const {
    pair *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(pair ^ pair >> 32);
  }
};

struct PairFacts {
  std::int64_t count = 0;             // in the text
  std::vector<std::uint32_t> places;  // where the pair began when it arose; it may have gone since
};

struct Candidate {
  std::int64_t count;
  Pair pair;
  bool operator<(const Candidate& other) const {  // the largest is the next to be merged
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class Trainer {
 public:
  explicit Trainer(const WordCounts& words) {
    for (const unsigned char byte : byte_level_order()) {
      vocabulary_.tokens.emplace_back(1, static_cast<char>(byte));
      ids_.emplace(vocabulary_.tokens.back(), static_cast<int>(ids_.size()));
    }
    lay_out(words);
    count_pairs();
  }

  BpeVocabulary train(std::size_t size) {
    std::priority_queue<Candidate> candidates;
    for (const auto& [pair, facts] : pairs_) candidates.push({facts.count, pair});
    while (vocabulary_.tokens.size() < size && !candidates.empty()) {
      Candidate best = candidates.top();
      candidates.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.count < 2) continue;
      if (found->second.count != best.count) {  // it was merged into others since
        best.count = found->second.count;
        candidates.push(best);
        continue;
      }
      const std::string bytes = text(left_of(best.pair)) + text(right_of(best.pair));
      if (bytes.size() > longest_bpe_token) continue;
      const auto [known, fresh] = ids_.emplace(bytes, static_cast<int>(vocabulary_.tokens.size()));
      if (fresh) vocabulary_.tokens.push_back(bytes);
      vocabulary_.merges.push_back({left_of(best.pair), right_of(best.pair), known->second});
      const std::vector<std::uint32_t> places = std::move(found->second.places);
      pairs_.erase(found);
      merge(best.pair, known->second, places);
      std::sort(arisen_.begin(), arisen_.end());
      arisen_.erase(std::unique(arisen_.begin(), arisen_.end()), arisen_.end());
      for (const Pair pair : arisen_) {
        const auto count = pairs_[pair].count;
        if (count > 0) candidates.push({count, pair});
      }
      arisen_.clear();
    }
    return std::move(vocabulary_);
  }

 private:
  static constexpr int none = -1;

  // One place a byte, and an empty one before each word and after the last.
  void lay_out(const WordCounts& words) {
    std::array<int, 256> byte_ids{};
    for (std::size_t id = 0; id < 256; ++id) byte_ids[byte_level_order()[id]] = static_cast<int>(id);
    const std::size_t places = static_cast<std::size_t>(words.bytes()) + words.words().size() + 1;
    begins_.reserve(places);
    word_.reserve(places);
    for (std::size_t w = 0; w < words.words().size(); ++w) {
      const WordCounts::Word& word = words.words()[w];
      weights_.push_back(static_cast<std::int64_t>(word.count));
      begins_.push_back(none);
      word_.push_back(static_cast<std::uint32_t>(w));
      for (const char byte : words.text(word)) {
        begins_.push_back(byte_ids[static_cast<unsigned char>(byte)]);
        word_.push_back(static_cast<std::uint32_t>(w));
      }
    }
    begins_.push_back(none);
    word_.push_back(0);
    ends_ = begins_;
  }

  void count_pairs() {
    for (std::size_t i = 1; i + 1 < begins_.size(); ++i) {
      if (begins_[i] == none || begins_[i + 1] == none) continue;
      PairFacts& facts = pairs_[pair_of(begins_[i], begins_[i + 1])];
      facts.count += weights_[word_[i]];
      facts.places.push_back(static_cast<std::uint32_t>(i));
    }
  }

  // Merges the pair from left to right wherever it still is. `places` ascend within a word.
  void merge(Pair pair, int product, const std::vector<std::uint32_t>& places) {
    const int left = left_of(pair), right = right_of(pair);
    const std::size_t left_bytes = text(left).size(), right_bytes = text(right).size();
    for (const std::uint32_t place : places) {
      const std::size_t middle = place + left_bytes;
      if (begins_[place] != left || begins_[middle] != right) continue;
      const std::size_t after = middle + right_bytes;
      const std::int64_t weight = weights_[word_[place]];
      const int before = ends_[place - 1], next = begins_[after];
      if (before != none) {
        change(before, left, -weight);
        arise(before, product, weight, place - text(before).size());
      }
      if (next != none) {
        change(right, next, -weight);
        arise(product, next, weight, place);
      }
      begins_[middle] = ends_[middle - 1] = gone;
      begins_[place] = ends_[after - 1] = product;
    }
  }

  void change(int left, int right, std::int64_t by) {
    const auto found = pairs_.find(pair_of(left, right));
    if (found != pairs_.end()) found->second.count += by;
  }

  void arise(int left, int right, std::int64_t weight, std::size_t place) {
    const Pair pair = pair_of(left, right);
    PairFacts& facts = pairs_[pair];
    facts.count += weight;
    facts.places.push_back(static_cast<std::uint32_t>(place));
    arisen_.push_back(pair);
  }

  const std::string& text(int id) const { return vocabulary_.tokens[static_cast<std::size_t>(id)]; }

  static constexpr int gone = -2;

  BpeVocabulary vocabulary_;
  std::unordered_map<std::string, int> ids_;
  std::vector<int> begins_, ends_;     // [places], the token that begins here, and that ends here
  std::vector<std::uint32_t> word_;    // [places]
  std::vector<std::int64_t> weights_;  // [words], how often each occurs
  std::unordered_map<Pair, PairFacts, PairHash> pairs_;
  std::vector<Pair> arisen_;  // by the last merge
};

}  // namespace

std::shared_ptr<const Tokenizer> train_bpe(const WordCounts& words, int size,
                                           const std::vector<std::string>& specials) {
  if (size < fewest_bpe_tokens || size > most_bpe_tokens) {
    throw Error(Fault::usage, "bpe:" + std::to_string(size) + ": expected " + std::to_string(fewest_bpe_tokens) +
                                  " to " + std::to_string(most_bpe_tokens) + " tokens");
  }
  BpeVocabulary vocabulary = Trainer(words).train(static_cast<std::size_t>(size));
  for (const std::string& name : specials) {
    if (!vocabulary.specials.emplace(name, static_cast<int>(vocabulary.tokens.size())).second) {
      throw Error(Fault::usage, "the special token \"" + printable(name) + "\" is given twice");
    }
    vocabulary.tokens.emplace_back();
  }
  return make_bpe_tokenizer(std::move(vocabulary));
}

}  // namespace primer::data
