// Pairs for the next-sentence task on the documents of the gap's corpus, without the program's own pairs.
#pragma once

#include <algorithm>
#include <vector>

#include "autograd/random.h"
#include "studies/gap_corpus.h"

namespace primer::test {

/// Two chunks of whole sentences.
struct ChunkPair {
  std::vector<int> a, b;   // words
  bool continues = false;  // B is what follows A in its document
};

/// A is the first sentences of the document `index`. B follows them there, or, with probability 1/2, is the beginning
/// of the document `other`. Both together have 2 ... `sentences` sentences, and how many are in A and in B does not
/// depend on whether B continues A. `sentences` is from 2 to 5, so that every document has enough for a B.
inline ChunkPair chunk_pair(const studies::GapCorpus& corpus, std::uint64_t index, std::uint64_t other, int sentences) {
  const autograd::Random random(1, autograd::hash("test.gap.pair"), index);
  const studies::Document document = corpus.document(index), stranger = corpus.document(other);
  const auto both = std::min(static_cast<std::size_t>(sentences), document.sentences.size());
  const std::size_t of_a = 1 + random.below(both - 1, 0);
  ChunkPair pair;
  pair.continues = random.below(2, 1) == 1;
  for (std::size_t i = 0; i < both; ++i) {
    const bool own = i < of_a || pair.continues;
    const studies::Sentence& words = own ? document.sentences[i] : stranger.sentences[i - of_a];
    std::vector<int>& chunk = i < of_a ? pair.a : pair.b;
    chunk.insert(chunk.end(), words.begin(), words.end());
  }
  return pair;
}

}  // namespace primer::test
