#include "studies/circuits/texts/symbols.h"

#include <algorithm>
#include <map>

#include "autograd/error.h"
#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

Symbols::Symbols(const std::string& text) {
  if (static_cast<long>(text.size()) < least_bytes) {
    throw autograd::Error(autograd::Fault::input, "a study needs a text of " + std::to_string(least_bytes) +
                                                      " bytes or more, got " + std::to_string(text.size()));
  }
  std::map<unsigned char, int> number;
  for (const char c : text) number.emplace(static_cast<unsigned char>(c), 0);
  for (auto& [byte, id] : number) {
    id = static_cast<int>(bytes.size());
    bytes.push_back(byte);
  }
  for (const char c : text) ids.push_back(number[static_cast<unsigned char>(c)]);
}

data::Batch Symbols::windows(std::uint64_t seed, long step, long sequences, long length, std::size_t begin,
                             std::size_t end) const {
  if (static_cast<long>(end - begin) <= length) {
    throw autograd::Error(autograd::Fault::input, "windows of " + std::to_string(length) +
                                                      " bytes and one more do not fit into " +
                                                      std::to_string(end - begin) + "; take a longer text");
  }
  Draws draws("windows", seed, step);
  data::Batch batch = empty_batch(sequences, length);
  const std::size_t starts = end - begin - length;
  for (long b = 0; b < sequences; ++b) {
    const auto first = ids.begin() + begin + draws.below(starts);
    std::copy_n(first, length, batch.tokens.begin() + b * length);
    std::copy_n(first + 1, length, batch.targets.begin() + b * length);
  }
  return batch;
}

}  // namespace primer::studies
