#include "data/tokenizers/byte_level.h"

#include <algorithm>
#include <numeric>

namespace primer::data {

namespace {

constexpr bool is_printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::array<Symbol, 256> make_symbols() {
  std::array<Symbol, 256> symbols{};
  Symbol next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    symbols[static_cast<std::size_t>(byte)] = is_printable(byte) ? static_cast<Symbol>(byte) : next++;
  }
  return symbols;
}
constexpr std::array<Symbol, 256> symbols = make_symbols();  // [bytes]

constexpr Symbol symbol_end = 0x100 + 68;
constexpr std::array<int, symbol_end> make_bytes() {
  std::array<int, symbol_end> bytes{};
  for (int& byte : bytes) byte = -1;
  for (int byte = 0; byte < 256; ++byte) bytes[symbols[static_cast<std::size_t>(byte)]] = byte;
  return bytes;
}
constexpr std::array<int, symbol_end> bytes_of_symbols = make_bytes();  // [symbols], -1 for none

}  // namespace

Symbol byte_level_symbol(unsigned char byte) { return symbols[byte]; }

const std::array<unsigned char, 256>& byte_level_order() {
  static const std::array<unsigned char, 256> order = [] {
    std::array<unsigned char, 256> bytes{};
    std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
    std::sort(bytes.begin(), bytes.end(), [](auto a, auto b) { return symbols[a] < symbols[b]; });
    return bytes;
  }();
  return order;
}

std::string byte_level_name(std::string_view bytes) {
  std::string name;
  for (const char byte : bytes) append_symbol(name, symbols[static_cast<unsigned char>(byte)]);
  return name;
}

std::optional<std::string> byte_level_bytes(std::string_view name) {
  std::string bytes;
  bool known = true;
  each_symbol(name, [&](Symbol symbol, int) {
    const int byte = symbol < symbol_end ? bytes_of_symbols[symbol] : -1;
    known = known && byte >= 0;
    bytes += static_cast<char>(static_cast<unsigned char>(byte));
  });
  if (!known) return std::nullopt;
  return bytes;
}

}  // namespace primer::data
