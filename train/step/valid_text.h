// Which tokens keep a text valid UTF-8 while it is written.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace primer::train {

/// What the last bytes of a text wait for: nothing (0), so many more bytes of a character (1, 2, 3), or, behind E0, ED,
/// F0 and F4, a second byte whose range is narrower.
using Utf8Ending = std::uint8_t;
inline constexpr Utf8Ending no_utf8 = 8;

/// Bytes with each of the endings.
inline constexpr std::string_view utf8_endings[] = {"", "\xC2", "\xE1", "\xF1", "\xE0", "\xED", "\xF0", "\xF4"};
static_assert(std::size(utf8_endings) == no_utf8);

/// The ending of bytes that begin with a character; no_utf8 if no bytes behind them could make them valid (RFC 3629).
inline Utf8Ending utf8_ending(std::string_view bytes) {
  while (!bytes.empty()) {
    const data::Decoded next = data::decode_symbol(bytes, false);
    if (data::is_stray(next.symbol)) return no_utf8;
    if (next.width == 0) {
      const auto found = std::find(std::begin(utf8_endings) + 4, std::end(utf8_endings), bytes);
      if (found != std::end(utf8_endings)) return static_cast<Utf8Ending>(found - std::begin(utf8_endings));
      const auto lead = static_cast<unsigned char>(bytes[0]);
      return static_cast<Utf8Ending>((lead < 0xE0 ? 2u : lead < 0xF0 ? 3u : 4u) - bytes.size());
    }
    bytes.remove_prefix(static_cast<std::size_t>(next.width));
  }
  return 0;
}

/// For every ending of a text, the tokens that may follow. One table for a vocabulary: a byte for each of both.
class ValidText {
 public:
  explicit ValidText(const data::Tokenizer& tokenizer);

  /// Of a prompt. Bytes in it that can become no character count for nothing.
  Utf8Ending behind(std::span<const int> prompt) const;
  Utf8Ending behind(Utf8Ending ending, int id) const;

  /// Sets the logits [V] of the tokens that may not follow to -infinity; of none if none may. A NaN stays
  /// visible.
  void mask(Utf8Ending ending, std::span<float> logits) const;

 private:
  std::size_t size_;
  std::vector<Utf8Ending> next_;  // [endings, V]; no_utf8: it may not follow
};

inline ValidText::ValidText(const data::Tokenizer& tokenizer)
    : size_(static_cast<std::size_t>(tokenizer.vocabulary_size())), next_(no_utf8 * size_, no_utf8) {
  for (int id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (id == tokenizer.unknown()) continue;
    const std::string text = tokenizer.following_text(id);
    // Most tokens begin with no byte that could end a character.
    const bool continues = text.empty() || (static_cast<unsigned char>(text[0]) & 0xC0) == 0x80;
    for (Utf8Ending ending = 0; ending < (continues ? no_utf8 : 1); ++ending)
      next_[ending * size_ + static_cast<std::size_t>(id)] = utf8_ending(std::string(utf8_endings[ending]) + text);
  }
  // Where no tokens lead to the end of a character, none leads there: a vocabulary may have first bytes alone.
  std::array<bool, no_utf8> is_completed{true};
  for (int round = 1; round < no_utf8; ++round)
    for (std::size_t i = 0; i < next_.size(); ++i)
      if (next_[i] != no_utf8 && is_completed[next_[i]]) is_completed[i / size_] = true;
  for (Utf8Ending& next : next_)
    if (next != no_utf8 && !is_completed[next]) next = no_utf8;
}

inline Utf8Ending ValidText::behind(Utf8Ending ending, int id) const {
  const Utf8Ending next = next_[ending * size_ + static_cast<std::size_t>(id)];
  if (next != no_utf8) return next;
  return ending == 0 ? Utf8Ending{0} : behind(0, id);
}

inline Utf8Ending ValidText::behind(std::span<const int> prompt) const {
  Utf8Ending ending = 0;
  for (const int id : prompt) ending = behind(ending, id);
  return ending;
}

inline void ValidText::mask(Utf8Ending ending, std::span<float> logits) const {
  const auto next = std::span(next_).subspan(ending * size_, size_);
  if (std::ranges::all_of(next, [](Utf8Ending one) { return one == no_utf8; })) return;
  for (std::size_t id = 0; id < size_; ++id)
    if (next[id] == no_utf8 && !std::isnan(logits[id])) logits[id] = -std::numeric_limits<float>::infinity();
}

}  // namespace primer::train
