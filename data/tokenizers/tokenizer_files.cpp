#include "data/tokenizers/tokenizer_files.h"

#include <algorithm>
#include <unordered_set>

#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/byte_level.h"
#include "data/tokenizers/tokenizer_contents.h"
#include "data/tokenizers/wordpiece_tokenizer.h"

namespace primer::data {

namespace {

constexpr std::pair<const char*, const char*> pairs[] = {{"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};

bool is_file(const std::string& path) { return kind_of(path, true) == FileKind::regular; }

bool looks_special(const std::string& name) {
  const auto between = [&](char first, char last) { return name.front() == first && name.back() == last; };
  return name.size() > 2 && (between('<', '>') || between('[', ']'));
}

Specials specials_of(const std::vector<std::string>& names, const std::vector<NamedMerge>& merges) {
  std::unordered_set<std::string> made;
  for (const NamedMerge& merge : merges) made.insert(merge.left + merge.right);
  Specials specials;
  for (std::size_t id = 0; id < names.size(); ++id) {
    if (looks_special(names[id]) && !made.contains(names[id])) specials.emplace(names[id], static_cast<int>(id));
  }
  return specials;
}

std::shared_ptr<const Tokenizer> open_pair(const std::string& vocabulary, const std::string& merges) {
  return parse_vocabulary_and_merges(read_file(vocabulary, tokenizer_file_limit),
                                     read_file(merges, tokenizer_file_limit), vocabulary, merges);
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_vocabulary_and_merges(std::string_view vocabulary, std::string_view merges,
                                                             const std::string& vocabulary_path,
                                                             const std::string& merges_path) {
  const auto listed = refusing_as_tokenizer(merges_path, [&] { return read_merges(merges); });
  return refusing_as_tokenizer(vocabulary_path, [&] {
    const std::vector<std::string> names = names_by_id(read_vocabulary_json(vocabulary));
    return make_bpe_tokenizer(spelt_vocabulary(names, listed, specials_of(names, listed)));
  });
}

std::shared_ptr<const Tokenizer> parse_wordpiece_vocabulary(std::string_view text, const std::string& path) {
  return refusing_as_tokenizer(path, [&] {
    std::vector<std::string> names = read_vocabulary_lines(text);
    const bool cased = std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return !looks_special(name) && std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    });
    BertRules rules;
    rules.lower = rules.strip = !cased;
    return make_wordpiece_tokenizer({std::move(names), {}, rules});
  });
}

std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& path) {
  const auto beside = [](const std::string& folder, const char* name) { return folder + "/" + name; };
  if (kind_of(path, true) == FileKind::folder) {
    if (is_file(beside(path, "tokenizer.json"))) return load_tokenizer(beside(path, "tokenizer.json"));
    for (const auto& [vocabulary, merges] : pairs) {
      if (is_file(beside(path, vocabulary)) && is_file(beside(path, merges))) {
        return open_pair(beside(path, vocabulary), beside(path, merges));
      }
    }
    if (is_file(beside(path, "vocab.txt"))) return open_tokenizer(beside(path, "vocab.txt"));
    throw Error(Fault::input, "'" + printable(path) +
                                  "' holds no tokenizer: no tokenizer.json, no vocab.json with a "
                                  "merges.txt, no vocab.txt");
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const auto& [vocabulary, merges] : pairs) {
    if (name == vocabulary || name == merges) {
      return open_pair(beside(folder_of(path), vocabulary), beside(folder_of(path), merges));
    }
  }
  if (name.ends_with(".txt")) return parse_wordpiece_vocabulary(read_file(path, tokenizer_file_limit), path);
  return load_tokenizer(path);
}

}  // namespace primer::data
