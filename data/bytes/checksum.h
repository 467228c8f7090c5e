// CRC32C, the checksum of iSCSI, ext4 and TensorBoard: finds every error burst of up to 32 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace primer::data {

/// The CRC32C (Castagnoli polynomial, RFC 3720 appendix B.4) of `count` bytes. `before` is the checksum of the bytes
/// in front of them, so that crc32c(b, m, crc32c(a, n)) is that of a and b together. crc32c("123456789") = e3069283.
std::uint32_t crc32c(const void* bytes, std::size_t count, std::uint32_t before = 0);

/// The same from tables, for processors that have no instruction for it.
std::uint32_t crc32c_by_tables(const void* bytes, std::size_t count, std::uint32_t before = 0);

inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) {
  return crc32c(bytes.data(), bytes.size(), before);
}

}  // namespace primer::data
