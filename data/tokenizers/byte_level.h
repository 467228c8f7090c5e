// GPT-2's byte alphabet: tokens of bytes, spelt as printable text in JSON and in lists of merges.
// Radford et al., Language Models are Unsupervised Multitask Learners (2019), encoder.py, bytes_to_unicode.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "data/bytes/utf8.h"

namespace primer::data {

/// The symbol that stands for a byte: itself where it is printable, else a code point from U+0100 on.
Symbol byte_level_symbol(unsigned char byte);

/// The bytes in the order in which GPT-2's first 256 tokens have them: that of their symbols.
const std::array<unsigned char, 256>& byte_level_order();

/// A token's bytes as text.
std::string byte_level_name(std::string_view bytes);

/// The bytes that a name stands for; nothing if a symbol of it stands for none.
std::optional<std::string> byte_level_bytes(std::string_view name);

}  // namespace primer::data
