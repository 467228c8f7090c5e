#include "data/tokenizers/bpe_encoder.h"

#include <algorithm>
#include <limits>

namespace primer::data {

std::size_t BpeEncoder::window_bytes(const MergeTable& table) {
  // What certainty costs, about 8 longest^2 bytes of encoding, is a quarter of the window up to tokens of 1448 bytes.
  return std::clamp<std::size_t>(32 * std::size_t{table.longest()} * table.longest(), 256u << 10, 64u << 20);
}

BpeEncoder::BpeEncoder(const MergeTable& table, const std::vector<std::uint32_t>& lengths)
    : table_(table),
      lengths_(lengths),
      merger_(table, lengths),
      window_(table.is_ordered() ? window_bytes(table) : std::numeric_limits<std::size_t>::max()) {}

// A large block is taken a part at a time, so that a long piece within it is met as it would be in small blocks.
void BpeEncoder::feed(std::string_view block, std::vector<int>& ids) {
  constexpr std::size_t part = 256u << 10;
  for (; block.size() > part; block.remove_prefix(part)) take(block.substr(0, part), false, ids);
  take(block, false, ids);
}

void BpeEncoder::encode_piece(std::string_view piece, std::vector<int>& ids) {
  if (cache_.find(piece, ids)) return;
  const std::size_t from = ids.size();
  merger_.encode(piece, ids);
  cache_.keep(piece, ids, from);
}

void BpeEncoder::take(std::string_view block, bool last, std::vector<int>& ids) {
  const bool continues = !pending_.empty();
  if (continues) pending_.append(block);
  if (pending_.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Fault::input,
                "a word, or a run of one kind of symbols, has more than 4 GiB, which this tokenizer "
                "cannot take; --tokenizer byte takes any text");
  }
  std::string_view text = continues ? std::string_view(pending_) : block;
  while (const std::size_t length = cutter_.cut(text, last)) {
    encode_piece(text.substr(0, length), ids);
    text.remove_prefix(length);
    window_ = table_.is_ordered() ? window_bytes(table_) : window_;
  }
  while (cutter_.certain() >= window_) {
    const std::size_t done = encode_beginning(text.substr(0, cutter_.certain()), ids);
    if (done == 0) {
      window_ *= 2;  // so that looking again and again stays linear in all
      break;
    }
    cutter_.forget(done);
    text.remove_prefix(done);
  }
  if (continues) {
    pending_.erase(0, pending_.size() - text.size());
  } else {
    pending_.assign(text);
  }
}

// Appends the tokens of a beginning of the open piece that no continuation can change, and returns its bytes: 0 if it
// finds none. `piece` is what is known of the piece.
//
// The encoding of a string has a cut between two tokens wherever no merge ever crosses it, and then its two parts are
// encoded as each would be alone. So whatever follows, the encoding of the whole has its last cut at or before the end
// of `piece` less than the longest token from there, at some place p, and up to p it is the encoding of the first p
// bytes. If for all of these p the encoding begins with the same tokens, these are certain.
//
// To look at all p at once, one cut of the encoding of `piece` is taken as an anchor, eight longest tokens before the
// end, and only what follows it is encoded for each p. Where merges are ordered, they happen rank by rank, and whether
// one crosses a cut between two encodings depends on the two tokens beside it alone: within these, a run of a token
// that merges with itself pairs off as it does in the whole, as pairs that cross into it would have crossed the cut
// before. So if the encoding from the anchor to p begins with the token that follows the anchor in the encoding of
// `piece`, the anchor is a cut for this p too.
std::size_t BpeEncoder::encode_beginning(std::string_view piece, std::vector<int>& ids) {
  whole_.clear();
  merger_.encode(piece, whole_);
  const std::size_t longest = table_.longest();
  std::size_t anchor = 0, count = 0;  // bytes and tokens before the anchor
  while (count < whole_.size() && anchor + 8 * longest < piece.size()) {
    anchor += lengths_[static_cast<std::size_t>(whole_[count++])];
  }
  if (anchor == 0 || anchor + longest >= piece.size()) return 0;
  for (std::size_t end = piece.size() - longest + 1; end < piece.size(); ++end) {
    part_.clear();
    merger_.encode(piece.substr(anchor, end - anchor), part_);
    if (part_.front() != whole_[count]) return 0;
  }
  ids.insert(ids.end(), whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(count));
  return anchor;
}

}  // namespace primer::data
