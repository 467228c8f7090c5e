#include "data/tokenizers/wordpiece_tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "data/tokenizers/piece_cache.h"
#include "data/tokenizers/tokenizer_contents.h"
#include "data/tokenizers/tokenizer_json.h"

namespace primer::data {

namespace {

constexpr std::string_view continuing = "##";
constexpr std::size_t longest_word = 100;   // symbols
constexpr std::size_t longest_name = 1024;  // bytes

bool continues(std::string_view name) { return name.size() > continuing.size() && name.starts_with(continuing); }

// The bytes that a token adds to a text.
std::vector<std::string> texts_of(const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  for (const std::string& name : names) texts.push_back(continues(name) ? name.substr(continuing.size()) : " " + name);
  return texts;
}

/// Pieces in the order of their bytes.
class PieceList {
 public:
  void add(std::string_view bytes, int id) { pieces_.push_back({bytes, id}); }
  void sort() {
    std::sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) { return a.bytes < b.bytes; });
  }

  /// The id of the longest piece that `word` begins with, and its bytes; -1 for none. Both are UTF-8, so that no symbol
  /// is cut. The pieces that begin as the word does are narrowed down byte by byte: O(bytes log pieces).
  std::pair<int, std::size_t> longest_prefix(std::string_view word) const {
    std::pair<int, std::size_t> longest{-1, 0};
    auto first = pieces_.begin(), last = pieces_.end();  // they have the word's first `i` bytes
    for (std::size_t i = 0; i < word.size() && first != last; ++i) {
      const auto byte = [&](const Piece& piece) { return static_cast<unsigned char>(piece.bytes[i]); };
      const auto own = static_cast<unsigned char>(word[i]);
      first = std::partition_point(first, last, [&](const Piece& p) { return p.bytes.size() == i || byte(p) < own; });
      last = std::partition_point(first, last, [&](const Piece& p) { return byte(p) == own; });
      if (first != last && first->bytes.size() == i + 1) longest = {first->id, i + 1};
    }
    return longest;
  }

 private:
  struct Piece {
    std::string_view bytes;
    int id;
  };
  std::vector<Piece> pieces_;
};

class WordPieceTokenizer final : public Tokenizer {
 public:
  explicit WordPieceTokenizer(WordPieceVocabulary vocabulary)
      : Tokenizer(texts_of(vocabulary.names), vocabulary.specials),
        names_(std::move(vocabulary.names)),
        rules_(vocabulary.rules),
        unknown_(special(unknown_name)) {
    for (int id = 0; id < vocabulary_size(); ++id) {
      const std::string_view name = names_[static_cast<std::size_t>(id)];
      if (special(name) >= 0) continue;
      if (continues(name)) {
        inside_.add(name.substr(continuing.size()), id);
      } else {
        first_.add(name, id);
      }
    }
    first_.sort();
    inside_.sort();
  }

  std::string_view kind() const override { return "wordpiece"; }
  bool is_lossless() const override { return false; }
  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<WordPieceEncoder>(*this); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return facts.tokens; }

  std::string decode(std::span<const int> ids) const override {
    const std::string text = Tokenizer::decode(ids);
    return text.starts_with(' ') ? text.substr(1) : text;
  }

  std::string following_text(int id) const override {
    const std::string& text = token_text(id);
    return special(text) == id ? " " + text : text;
  }

  std::string json() const override {
    const auto word = [](bool value) { return value ? "true" : "false"; };
    TokenizerJson file;
    file.normalizer = std::string("{\"type\":\"BertNormalizer\",\"clean_text\":") + word(rules_.clean) +
                      ",\"handle_chinese_chars\":" + word(rules_.ideographs) +
                      ",\"strip_accents\":" + (rules_.strip == rules_.lower ? "null" : word(rules_.strip)) +
                      ",\"lowercase\":" + word(rules_.lower) + "}";
    file.pre_tokenizer = R"({"type":"BertPreTokenizer"})";
    file.post_processor = template_json();
    file.decoder = R"({"type":"WordPiece","prefix":"##","cleanup":false})";
    file.model = R"("type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
                 R"("max_input_chars_per_word":100)";
    file.names = names_;
    file.specials = specials();
    file.merges.reset();
    return write_tokenizer_json(file);
  }

 private:
  class WordPieceEncoder final : public Encoder {
   public:
    explicit WordPieceEncoder(const WordPieceTokenizer& tokenizer)
        : tokenizer_(tokenizer), normalizer_(tokenizer.rules_) {}

    void feed(std::string_view block, std::vector<int>& ids) override {
      symbols_.feed(block,
                    [&](Symbol symbol, int) { normalizer_.feed(symbol, [&](Symbol normal) { take(normal, ids); }); });
    }

    void finish(std::vector<int>& ids) override {
      const auto each = [&](Symbol normal) { take(normal, ids); };
      symbols_.finish([&](Symbol symbol, int) { normalizer_.feed(symbol, each); });
      normalizer_.finish(each);
      end_word(ids);
    }

   private:
    void take(Symbol symbol, std::vector<int>& ids) {
      if (class_of(symbol) == SymbolClass::space) return end_word(ids);
      if (is_punctuation(symbol)) end_word(ids);
      // Of a word that is too long to be known no more is kept than says so.
      if (length_ <= longest_word) append_symbol(word_, symbol);
      ++length_;
      if (is_punctuation(symbol)) end_word(ids);
    }

    void end_word(std::vector<int>& ids) {
      if (length_ == 0) return;
      if (length_ > longest_word) {
        ids.push_back(tokenizer_.unknown_);
      } else if (!cache_.find(word_, ids)) {
        const std::size_t from = ids.size();
        tokenizer_.encode_word(word_, ids);
        cache_.keep(word_, ids, from);
      }
      word_.clear();
      length_ = 0;
    }

    const WordPieceTokenizer& tokenizer_;
    SymbolReader symbols_;
    BertNormalizer normalizer_;
    PieceCache cache_;
    std::string word_;
    std::uint64_t length_ = 0;  // symbols of the word
  };

  void encode_word(std::string_view word, std::vector<int>& ids) const {
    const std::size_t from = ids.size();
    const PieceList* pieces = &first_;
    while (!word.empty()) {
      const auto [id, size] = pieces->longest_prefix(word);
      if (id < 0) {
        ids.resize(from);
        ids.push_back(unknown_);
        return;
      }
      ids.push_back(id);
      word.remove_prefix(size);
      pieces = &inside_;
    }
  }

  // [CLS] A [SEP], or [CLS] A [SEP] B [SEP], for programs that put these around what they encode.
  std::string template_json() const {
    if (special("[CLS]") < 0 || special("[SEP]") < 0) return "null";
    const auto token = [](const char* name, const char* type) {
      return std::string("{\"SpecialToken\":{\"id\":\"") + name + "\",\"type_id\":" + type + "}}";
    };
    const auto text = [](const char* name, const char* type) {
      return std::string("{\"Sequence\":{\"id\":\"") + name + "\",\"type_id\":" + type + "}}";
    };
    const auto ids = [&](const std::string& name) {
      return "\"" + name + "\":{\"id\":\"" + name + "\",\"ids\":[" + std::to_string(special(name)) +
             "],\"tokens\":[\"" + name + "\"]}";
    };
    const std::string one = token("[CLS]", "0") + "," + text("A", "0") + "," + token("[SEP]", "0");
    return "{\"type\":\"TemplateProcessing\",\"single\":[" + one + "],\"pair\":[" + one + "," + text("B", "1") + "," +
           token("[SEP]", "1") + "],\"special_tokens\":{" + ids("[CLS]") + "," + ids("[SEP]") + "}}";
  }

  std::vector<std::string> names_;  // [tokens]
  BertRules rules_;
  int unknown_;
  PieceList first_, inside_;  // pieces that begin a word, and that go on with it
};

}  // namespace

std::shared_ptr<const Tokenizer> make_wordpiece_tokenizer(WordPieceVocabulary vocabulary) {
  std::unordered_map<std::string_view, int> ids;
  for (const std::string& name : vocabulary.names) {
    const int id = static_cast<int>(ids.size());
    if (name.empty() || name.size() > longest_name) {
      throw Error(Fault::input, "the WordPiece token " + std::to_string(id) + " has " + std::to_string(name.size()) +
                                    " bytes, 1 to " + std::to_string(longest_name) + " are allowed");
    }
    bool is_utf8 = true;
    each_symbol(name, [&](Symbol symbol, int) { is_utf8 = is_utf8 && !is_stray(symbol); });
    if (!is_utf8) {
      throw Error(Fault::input, "the WordPiece token " + std::to_string(id) + ", \"" + printable(name.substr(0, 100)) +
                                    "\", is not UTF-8");
    }
    if (const auto [place, fresh] = ids.emplace(name, id); !fresh) {
      throw Error(Fault::input, "the WordPiece tokens " + std::to_string(place->second) + " and " + std::to_string(id) +
                                    " are the same: \"" + printable(name.substr(0, 100)) + "\"");
    }
  }
  for (const char* const name : {"[PAD]", unknown_name, "[CLS]", "[SEP]", "[MASK]"}) {
    if (const auto found = ids.find(name); found != ids.end()) vocabulary.specials.emplace(name, found->second);
  }
  if (!vocabulary.specials.contains(unknown_name)) {
    throw Error(Fault::input, "the WordPiece vocabulary has no [UNK], which stands for unknown words");
  }
  return std::make_shared<WordPieceTokenizer>(std::move(vocabulary));
}

std::shared_ptr<const Tokenizer> wordpiece_tokenizer_from(const TokenizerContents& contents,
                                                          std::vector<std::string> names, const Specials& specials) {
  const auto rule = [&](const char* key) {
    const std::string value = contents.setting(std::string("normalizer.") + key);
    if (value != "true" && value != "false") {
      throw JsonError(std::string("a WordPiece model needs BERT's normalizer, and its ") + key + " is \"" +
                      printable(value.substr(0, 100)) + "\"");
    }
    return value == "true";
  };
  BertRules rules{rule("clean_text"), rule("handle_chinese_chars"), false, rule("lowercase")};
  const std::string strip = contents.setting("normalizer.strip_accents");
  rules.strip = strip.empty() || strip == "null" ? rules.lower : rule("strip_accents");
  return make_wordpiece_tokenizer({std::move(names), specials, rules});
}

}  // namespace primer::data
