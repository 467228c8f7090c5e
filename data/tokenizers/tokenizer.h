// Text to token ids and back: bytes, characters and byte pairs without loss, decode(encode(x)) == x for every byte
// string that the vocabulary covers; WordPiece with the loss that BERT's normaliser means.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/utf8.h"
#include "data/text/text.h"

namespace primer::data {

/// Symbols of a text that a vocabulary of characters lacks.
struct Unknowns {
  std::uint64_t symbols = 0;
  std::string first;  // of them, as it is named to people
  void add(const Unknowns& more);
};

/// Encodes one text that arrives in blocks; the cuts between blocks change nothing.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// Appends the ids that are certain so far.
  virtual void feed(std::string_view block, std::vector<int>& ids) = 0;
  /// The text ends here: appends what is left. Another one may follow.
  virtual void finish(std::vector<int>& ids) = 0;
  /// What the vocabulary lacks of the text so far: each symbol became Tokenizer::unknown(), or was left out.
  const Unknowns& unknown() const { return unknown_; }

 protected:
  Unknowns unknown_;
};

/// Special tokens and their ids.
using Specials = std::map<std::string, int, std::less<>>;

/// A vocabulary and the way to cut text into it. Ids are 0 ... vocabulary_size() - 1. Immutable, safe to share.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::string_view kind() const = 0;  // "byte", "char", "bpe", "wordpiece"
  /// Whether decode(encode(x)) == x.
  virtual bool is_lossless() const { return true; }
  int vocabulary_size() const { return static_cast<int>(tokens_.size()); }

  /// The bytes that a token stands for; for a special token its name; for a WordPiece that begins a word, a space and
  /// the word's beginning. An id outside the vocabulary: Fault::usage.
  const std::string& token_text(int id) const;

  /// What a token adds to a text behind others: token_text(), but for WordPiece's special tokens, which are words of
  /// their own there.
  virtual std::string following_text(int id) const { return token_text(id); }

  /// The id of a special token such as "[MASK]", or -1. Those of new vocabularies have the last ids. Plain text never
  /// encodes to a special token, but for WordPiece's [UNK].
  int special(std::string_view name) const;
  const Specials& specials() const { return specials_; }

  /// The token of characters that stands for a symbol which the vocabulary lacks. Its text is not known, so that nobody
  /// is asked to predict it. -1: such symbols are left out, or there are none. ([UNK] of WordPiece is a word like
  /// others, as in a BERT.)
  virtual int unknown() const { return -1; }
  /// "2 symbols are not in the vocabulary and are left out, the first ...", nothing of none.
  std::string unknown_note(const Unknowns& found) const;
  /// This tokenizer with more symbols, whose ids follow all others. Null: it reads any text as it is.
  virtual std::shared_ptr<const Tokenizer> with(const std::vector<Symbol>& alphabet) const;

  /// A new encoder, which needs this tokenizer to live as long.
  virtual std::unique_ptr<Encoder> encoder() const = 0;
  /// The ids of a text. What the vocabulary lacks of it is added to `unknown`.
  std::vector<int> encode(std::string_view text, Unknowns* unknown = nullptr) const;
  /// The same, but the names of special tokens in the text stand for these tokens, the first and then the longest that
  /// fits; what is between them is encoded as texts of their own. For text that a user writes, not for data.
  std::vector<int> encode_with_specials(std::string_view text, Unknowns* unknown = nullptr) const;
  virtual std::string decode(std::span<const int> ids) const;

  /// What sources are encoded with where this one is for their targets: itself, unless the two sides of a pair have a
  /// tokenizer each.
  virtual const Tokenizer& of_sources() const { return *this; }
  bool has_own_sources() const { return &of_sources() != this; }

  /// Tokens of both sides, as a file of tokens holds them: the ids of sources that have their own come behind the
  /// others.
  int tokens_of_both() const { return vocabulary_size() + (has_own_sources() ? of_sources().vocabulary_size() : 0); }
  int source_offset() const { return has_own_sources() ? vocabulary_size() : 0; }
  /// CRC32C of what json() says, for both sides.
  std::uint32_t checksum() const;

  /// How many tokens a file of these facts gives, if that can be known without encoding it.
  virtual std::optional<std::uint64_t> count(const FileFacts& facts) const = 0;

  /// The tokenizer as a Hugging Face tokenizer.json; load_tokenizer reads it back. Too large for that: Fault::input.
  virtual std::string json() const = 0;

 protected:
  /// `tokens` are the bytes of the ordinary tokens by id; the specials follow them.
  Tokenizer(std::vector<std::string> tokens, const std::vector<std::string>& specials);
  /// `tokens` are the bytes of all tokens by id; where a special has its id, its name replaces what is there.
  Tokenizer(std::vector<std::string> tokens, const Specials& specials);

 private:
  std::vector<std::string> tokens_;
  Specials specials_;
};

/// 256 tokens, id = byte. Takes any text. In every new vocabulary the specials have the last ids, in the order given;
/// a name that could be mistaken for text, or is given twice: Fault::usage.
std::shared_ptr<const Tokenizer> make_byte_tokenizer(const std::vector<std::string>& specials = {});

/// One token for each symbol of `alphabet`, with its place there as the id. TextFacts::alphabet is in the usual order.
/// "[UNK]" among the specials is unknown(). An empty alphabet, one of more than 2^20 symbols, a symbol given twice:
/// Fault::input.
std::shared_ptr<const Tokenizer> make_character_tokenizer(std::vector<Symbol> alphabet,
                                                          const std::vector<std::string>& specials = {});
/// The same with specials among the symbols: what stands at their places in `alphabet` does not matter.
std::shared_ptr<const Tokenizer> character_tokenizer_by_id(const std::vector<Symbol>& alphabet,
                                                           const Specials& specials);
inline constexpr const char* unknown_name = "[UNK]";

/// The tokenizer of pairs whose sides have a vocabulary each: that of the targets, whose of_sources() is the other one.
std::shared_ptr<const Tokenizer> make_pair_tokenizer(std::shared_ptr<const Tokenizer> sources,
                                                     std::shared_ptr<const Tokenizer> targets);

/// Reads a tokenizer.json that json() wrote, or one of the same form. Everything is checked before it is used: a form
/// this program does not know, a token or an id given twice, a gap between ids, a missing byte, a merge of unknown
/// tokens: Fault::input. What a file says of truncation, padding and special tokens around a text (post_processor) is
/// for who feeds a model, and changes nothing here.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path);
std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& path);

/// Decodes tokens as they come, for output that streams: a code point that several tokens make comes out whole.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}
  std::string feed(int id);  // the bytes that are certain so far
  std::string finish();      // what is left: the beginning of a code point, or nothing

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  SymbolReader symbols_;
};

}  // namespace primer::data
