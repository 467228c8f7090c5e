// The tokens of the pieces of a text that were met before.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace primer::data {

/// Remembers the tokens of short pieces: most pieces of a text are among its few thousand commonest. A piece that needs
/// the place of another takes it; the places grow with the text to 32768 of them, which take 1.8 MB.
class PieceCache {
 public:
  static constexpr std::size_t longest_piece = 22, most_tokens = 8;

  /// Appends the tokens of the piece; false if they are not remembered.
  bool find(std::string_view piece, std::vector<int>& ids) const;
  /// Remembers ids[from ...] for the piece, if both are short enough.
  void keep(std::string_view piece, const std::vector<int>& ids, std::size_t from);

 private:
  static constexpr int fewest_bits = 6, most_bits = 15;
  struct Place {
    std::uint8_t length = 0, count = 0;
    char piece[longest_piece];
    int ids[most_tokens];
  };
  std::size_t place_of(std::string_view piece) const;

  int bits_ = fewest_bits;
  std::size_t kept_ = 0;  // since the places last grew
  std::vector<Place> places_ = std::vector<Place>(std::size_t{1} << fewest_bits);
};

}  // namespace primer::data
