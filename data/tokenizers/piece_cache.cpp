#include "data/tokenizers/piece_cache.h"

#include <algorithm>
#include <cstring>

namespace primer::data {

std::size_t PieceCache::place_of(std::string_view piece) const {
  std::uint64_t hash = piece.size();
  while (piece.size() > 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, piece.data(), 8);
    hash = (hash ^ eight) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    piece.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, piece.data(), piece.size());
  return static_cast<std::size_t>((hash ^ rest) * 0x9E3779B97F4A7C15u >> (64 - bits_));
}

bool PieceCache::find(std::string_view piece, std::vector<int>& ids) const {
  if (piece.size() > longest_piece) return false;
  const Place& place = places_[place_of(piece)];
  if (place.length != piece.size() || std::memcmp(place.piece, piece.data(), piece.size()) != 0) return false;
  ids.insert(ids.end(), place.ids, place.ids + place.count);
  return true;
}

void PieceCache::keep(std::string_view piece, const std::vector<int>& ids, std::size_t from) {
  if (piece.size() > longest_piece || ids.size() - from > most_tokens) return;
  if (bits_ < most_bits && ++kept_ > places_.size()) {  // too few, it seems; what was kept is soon met again
    bits_ += 3;
    kept_ = 0;
    places_.assign(std::size_t{1} << bits_, Place());
  }
  Place& place = places_[place_of(piece)];
  place.length = static_cast<std::uint8_t>(piece.size());
  place.count = static_cast<std::uint8_t>(ids.size() - from);
  std::memcpy(place.piece, piece.data(), piece.size());
  std::copy(ids.begin() + static_cast<std::ptrdiff_t>(from), ids.end(), place.ids);
}

}  // namespace primer::data
