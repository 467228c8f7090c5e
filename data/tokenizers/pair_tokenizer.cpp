#include "data/tokenizers/tokenizer.h"

namespace primer::data {

namespace {

class PairTokenizer final : public Tokenizer {
 public:
  PairTokenizer(std::shared_ptr<const Tokenizer> sources, std::shared_ptr<const Tokenizer> targets)
      : Tokenizer(*targets), sources_(std::move(sources)), targets_(std::move(targets)) {}

  const Tokenizer& of_sources() const override { return *sources_; }

  std::string_view kind() const override { return targets_->kind(); }
  bool is_lossless() const override { return targets_->is_lossless(); }
  std::string following_text(int id) const override { return targets_->following_text(id); }
  std::unique_ptr<Encoder> encoder() const override { return targets_->encoder(); }
  std::string decode(std::span<const int> ids) const override { return targets_->decode(ids); }
  std::optional<std::uint64_t> count(const FileFacts& facts) const override { return targets_->count(facts); }
  std::string json() const override { return targets_->json(); }

 private:
  std::shared_ptr<const Tokenizer> sources_, targets_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_pair_tokenizer(std::shared_ptr<const Tokenizer> sources,
                                                     std::shared_ptr<const Tokenizer> targets) {
  return std::make_shared<PairTokenizer>(std::move(sources), std::move(targets));
}

}  // namespace primer::data
