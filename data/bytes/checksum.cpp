#include "data/bytes/checksum.h"

#include <array>
#include <bit>
#include <cstring>
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace primer::data {

static_assert(std::endian::native == std::endian::little, "primer's files are little-endian");

namespace {

/// tables[k][b]: the checksum register after byte b and then k zero bytes, so that eight bytes are done at once.
/// Kounavis and Berry: Novel Table Lookup-Based Algorithms for High-Performance CRC Generation (2008), slicing-by-8.
constexpr auto tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> t{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t c = byte;
    for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ (c & 1 ? 0x82F63B78u : 0);  // the polynomial, reflected
    t[0][byte] = c;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) t[k][byte] = t[k - 1][byte] >> 8 ^ t[0][t[k - 1][byte] & 255];
  }
  return t;
}();

std::uint32_t by_byte(std::uint32_t c, unsigned char byte) { return c >> 8 ^ tables[0][(c ^ byte) & 255]; }

}  // namespace

std::uint32_t crc32c_by_tables(const void* bytes, std::size_t count, std::uint32_t before) {
  const auto* p = static_cast<const unsigned char*>(bytes);
  std::uint32_t c = ~before;
  for (; count >= 8; p += 8, count -= 8) {
    std::uint64_t x;
    std::memcpy(&x, p, 8);
    x ^= c;
    c = tables[7][x & 255] ^ tables[6][x >> 8 & 255] ^ tables[5][x >> 16 & 255] ^ tables[4][x >> 24 & 255] ^
        tables[3][x >> 32 & 255] ^ tables[2][x >> 40 & 255] ^ tables[1][x >> 48 & 255] ^ tables[0][x >> 56];
  }
  for (; count > 0; ++p, --count) c = by_byte(c, *p);
  return ~c;
}

std::uint32_t crc32c(const void* bytes, std::size_t count, std::uint32_t before) {
#ifdef __SSE4_2__  // which has an instruction for this very polynomial
  const auto* p = static_cast<const unsigned char*>(bytes);
  std::uint64_t c = ~before;
  for (; count >= 8; p += 8, count -= 8) {
    std::uint64_t x;
    std::memcpy(&x, p, 8);
    c = _mm_crc32_u64(c, x);
  }
  auto rest = static_cast<std::uint32_t>(c);
  for (; count > 0; ++p, --count) rest = by_byte(rest, *p);
  return ~rest;
#else
  return crc32c_by_tables(bytes, count, before);
#endif
}

}  // namespace primer::data
