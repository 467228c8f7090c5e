// The checksums and lengths of a run's files, made right again after somebody changed what is in them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "data/bytes/checksum.h"

namespace primer::test {

template <class Number>
void put_number(std::string& bytes, std::size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

template <class Number>
Number number_at(const std::string& bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

constexpr std::uint64_t most_data = 1 << 16, most_tokens = 1 << 11;  // that a header may claim and then gets

/// The header's length, and as much data behind it as it says, zeros where there is less.
inline void mend_tensors(std::string& bytes) {
  constexpr std::string_view key = "\"data_offsets\":[";
  const auto braces = bytes.find("}}", 8);
  if (braces == std::string::npos) return;
  const std::size_t end = std::min(bytes.find_first_not_of(' ', braces + 2), bytes.size());
  put_number(bytes, 0, std::uint64_t{end - 8});
  std::uint64_t data = 0;
  for (auto at = bytes.find(key); at < end; at = bytes.find(key, at + 1)) {
    char* rest = bytes.data() + at + key.size();
    std::strtoull(rest, &rest, 10);
    if (*rest == ',') data = std::max<std::uint64_t>(data, std::strtoull(rest + 1, nullptr, 10));
  }
  if (data <= most_data) bytes.resize(end + data);
}

/// What a file of tokens says of itself: see data/examples/token_format.h. The second of two is the index's; in version
/// 1 they are the parts'.
struct TokensHeader {
  static constexpr std::size_t bytes = 128, record = 24, version = 8, width = 12, vocabulary = 16, first_count = 24,
                               second_count = 32, first_checksum = 56, second_checksum = 60, tokenizer_checksum = 68,
                               last = 80, checksum = 124;
};

/// The checksum that the header holds of itself.
inline void seal_header(std::string& bytes) {
  using At = TokensHeader;
  put_number(bytes, At::checksum, data::crc32c(std::string_view(bytes).substr(0, At::checksum)));
}

/// The vocabulary and the width of a token, as many tokens and records as the header says, and all checksums.
inline void mend_tokens(std::string& bytes, const primer::data::Tokenizer& tokenizer, std::uint64_t labels) {
  using At = TokensHeader;
  if (bytes.size() < At::bytes) return;
  const bool is_old = number_at<std::uint32_t>(bytes, At::version) == 1;
  const std::uint64_t vocabulary = static_cast<std::uint64_t>(tokenizer.tokens_of_both()) + (is_old ? labels : 0);
  const std::uint64_t width = vocabulary <= 256 ? 1 : vocabulary <= 65536 ? 2 : 4;
  put_number(bytes, At::vocabulary, vocabulary);
  put_number(bytes, At::width, static_cast<std::uint32_t>(width));
  const auto first = number_at<std::uint64_t>(bytes, At::first_count);
  const auto second = number_at<std::uint64_t>(bytes, At::second_count);
  if (first <= most_tokens && second <= most_tokens) {
    const std::uint64_t wanted = second * (is_old ? width : At::record);
    const std::string behind = bytes.substr(bytes.size() - std::min(bytes.size() - At::bytes, wanted));
    bytes.resize(At::bytes + first * width);
    bytes += behind;
    bytes.resize(At::bytes + first * width + wanted);
    const std::string_view all = std::string_view(bytes).substr(At::bytes);
    put_number(bytes, At::first_checksum, data::crc32c(all.substr(0, first * width)));
    put_number(bytes, At::second_checksum, data::crc32c(all.substr(first * width)));
  }
  put_number(bytes, At::tokenizer_checksum, tokenizer.checksum());
  seal_header(bytes);
}

/// A state's length and checksum, and with a file of tokens that it belongs to these. Its places: see Title and Record
/// in train/checkpoints/training_state.cpp.
inline void mend_state(std::string& bytes, const std::string& tokens = "") {
  constexpr std::size_t title = 16, fingerprint_at = 152, checksum_count = 4;
  if (bytes.size() < title) return;
  constexpr std::size_t fingerprint_bytes = checksum_count * sizeof(std::uint32_t);
  if (bytes.size() >= fingerprint_at + fingerprint_bytes && tokens.size() >= TokensHeader::bytes) {
    std::memcpy(bytes.data() + fingerprint_at, tokens.data() + TokensHeader::first_checksum, fingerprint_bytes);
  }
  put_number(bytes, 8, static_cast<std::uint32_t>(bytes.size() - title));
  put_number(bytes, 12, data::crc32c(std::string_view(bytes).substr(title)));
}

}  // namespace primer::test
