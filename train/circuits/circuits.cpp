#include "train/circuits/circuits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include "autograd/error.h"
#include "autograd/kernels/rows.h"
#include "data/bytes/utf8.h"
#include "data/examples/text_form.h"
#include "train/circuits/left_out.h"
#include "train/step/model.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr long most_window = 256;         // tokens
constexpr double most_targets = 20'000;   // tokens of text that are read
constexpr double most_arithmetic = 2e13;  // of all heads being switched off: minutes on two cores
constexpr long fewest_block = 4;          // distinct tokens of a block, for scores to mean something
constexpr long most_compared = 4096;      // tokens among which pairs are looked for
constexpr long strongest_pairs = 10;

/// The ordinary tokens of a text, the commonest first: at most `most`; those that do not occur in it only where fewer
/// than a block's do.
std::vector<int> commonest(const data::Tokenizer& tokenizer, const data::TokenSequence& text, long most) {
  constexpr std::uint64_t counted = 20'000'000, at_once = 1 << 16;
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(tokenizer.vocabulary_size()), 0);
  std::vector<int> block(at_once);
  const std::uint64_t end = std::min(counted, text.size());
  for (std::uint64_t first = 0; first < end; first += at_once) {
    const std::uint64_t count = std::min(at_once, end - first);
    text.read(first, count, block.data());
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto id = static_cast<std::size_t>(block[i]);
      if (id < counts.size()) ++counts[id];  // a label in an older file is no token
    }
  }
  std::vector<int> tokens;
  for (int id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.special(tokenizer.token_text(id)) != id) tokens.push_back(id);
  }
  const auto count_of = [&](int id) { return counts[static_cast<std::size_t>(id)]; };
  std::stable_sort(tokens.begin(), tokens.end(), [&](int a, int b) { return count_of(a) > count_of(b); });
  const long all = static_cast<long>(tokens.size());
  const long occur = std::count_if(tokens.begin(), tokens.end(), [&](int id) { return count_of(id) > 0; });
  tokens.resize(static_cast<std::size_t>(std::min({all, most, std::max(occur, Repeated{}.block)})));
  return tokens;
}

[[noreturn]] void broken() {
  throw Error(Fault::checkpoint, "the model's output is not a number: its parameters are broken");
}

/// What stands before and behind a text: what the task puts there, or a vocabulary's own token for the beginning.
void frame(Repeated& repeated, const LoadedRun& run) {
  if (run.config.objective->frames()) {
    repeated.first = data::need_special(*run.tokenizer, "[CLS]");
    repeated.last = data::need_special(*run.tokenizer, "[SEP]");
    return;
  }
  for (const char* name : {"<|endoftext|>", "<|begin_of_text|>", "<s>", "<bos>"}) {
    if (const int id = run.tokenizer->special(name); id >= 0 && !repeated.first) repeated.first = id;
  }
}

/// Windows of the text, spread evenly, as the task reads them.
class Windows {
 public:
  Windows(const LoadedRun& run, const data::TokenSequence& text) : config_(run.config) {
    config_.context = std::min(config_.context, most_window);
    const auto tasks = static_cast<double>(run.network->body->attention_layers() * run.network->config().heads + 1);
    const double flop = 2 * static_cast<double>(run.parameters.size()) * tasks;  // a token
    const double tokens = std::min(most_targets, most_arithmetic / flop);
    const auto most = std::max(1L, static_cast<long>(tokens / static_cast<double>(config_.context)));
    const TextTask task{config_, *run.tokenizer};
    data::EvaluationBatches reading(task.examples(text), static_cast<std::uint64_t>(most));
    const long at_once = std::max(1L, 2048 / config_.context);
    for (data::Batch batch; reading.next(at_once, batch);) batches.push_back(batch);
    count = static_cast<long>(reading.examples());
  }

  nn::Scores scores(const nn::Model<float>& model, autograd::Observer<float>* observer) {
    tape_.observer = observer;
    nn::Scores scores;
    for (const data::Batch& batch : batches) {
      const auto pause = tape_.pause();
      loss_of(model, tape_, part_of(batch, 0, batch.sequences), {}, scores);
    }
    return scores;
  }

  long context() const { return config_.context; }
  std::vector<data::Batch> batches;
  long count = 0;  // windows

 private:
  Config config_;               // the run's, but for the context
  autograd::Tape<float> tape_;  // one for all: its memory is there after the first
};

/// The scores on blocks of these tokens, which are made to fit into the context; block 0: they do not.
LookTable look_at(Repeated& repeated, const LoadedRun& run, std::span<const int> tokens) {
  const nn::ModelConfig& shape = run.network->config();
  frame(repeated, run);
  const long room = shape.context - repeated.length() + repeated.block * repeated.times;
  repeated.block = std::min({repeated.block, room / repeated.times, static_cast<long>(tokens.size())});
  if (repeated.block >= fewest_block) {
    const std::array batches{repeated.batch(tokens, 1)};
    return look_table<float>(*run.network, batches);
  }
  repeated.block = 0;
  LookScores nothing;
  nothing.fill(none);
  const long heads = run.network->body->attention_layers() * shape.heads;
  return {std::vector<LookScores>(static_cast<std::size_t>(heads), nothing), nothing};
}

void look(Circuits& circuits, const LoadedRun& run, const Windows& windows, std::span<const int> tokens) {
  const LookTable on_repeated = look_at(circuits.repeated, run, tokens);
  const LookTable on_text = look_table<float>(*run.network, windows.batches);
  circuits.uniform_repeated = on_repeated.uniform;
  circuits.uniform_text = on_text.uniform;
  for (std::size_t i = 0; i < circuits.heads.size(); ++i) {
    circuits.heads[i].repeated = on_repeated.heads[i];
    circuits.heads[i].text = on_text.heads[i];
  }
}

void weigh(Circuits& circuits, const LoadedRun& run, const std::vector<int>& tokens) {
  const nn::Model<float>& model = *run.network;
  const TokenSums sums = token_sums_of(model);
  const Matrix rows = token_rows_of(model, tokens);
  const Matrix unembedding = model.token ? unembedding_of(model, tokens) : Matrix{};
  std::vector<HeadFactors> factors;
  for (HeadReport& report : circuits.heads) {
    factors.emplace_back(weights_of(model, report.head));
    const HeadWeights& weights = factors.back().weights;
    report.qk_positivity = qk_positivity(weights, sums);
    report.ov_positivity = report.copying = none;
    if (!model.token) continue;
    report.ov_positivity = ov_positivity(weights, sums);
    const Copying copying = copying_of(weights, rows, unembedding, strongest_pairs);
    report.copying = copying.score;
    const auto text = [&](long row) { return run.tokenizer->token_text(tokens[static_cast<std::size_t>(row)]); };
    for (const RaisedToken& one : copying.strongest) {
      report.raises.push_back({text(one.source), text(one.raised), one.logit});
    }
  }
  const long H = circuits.shape.heads;
  for (long later = 1; later < circuits.shape.layers; ++later) {
    for (long earlier = 0; earlier < later; ++earlier) {
      LayerComposition found{later, earlier, zeros(H, H), zeros(H, H), zeros(H, H)};
      for (long i = 0; i < H * H; ++i) {
        const auto at = [&](long layer, long head) { return static_cast<std::size_t>(layer * H + head); };
        const Composition one = composition_of(factors[at(later, i / H)], factors[at(earlier, i % H)]);
        found.q(i / H, i % H) = one.q;
        found.k(i / H, i % H) = one.k;
        found.v(i / H, i % H) = one.v;
      }
      circuits.compositions.push_back(std::move(found));
    }
  }
}

}  // namespace

std::vector<std::string_view> HeadReport::names() const {
  std::vector<std::string_view> names;
  for (std::size_t look = 0; look < look_count; ++look) {
    if (repeated[look] > name_threshold) names.push_back(head_name(static_cast<Look>(look)));
  }
  return names;
}

std::vector<std::vector<std::string>> named_heads(const LoadedRun& run, const data::TokenSequence& text,
                                                  long sequences) {
  Repeated repeated{.sequences = sequences};
  const LookTable table = look_at(repeated, run, commonest(*run.tokenizer, text, most_compared));
  std::vector<std::vector<std::string>> all;
  for (const LookScores& scores : table.heads) {
    all.emplace_back();
    for (std::size_t look = 0; look < look_count; ++look) {
      char score[16];
      std::snprintf(score, sizeof score, " %.2f", scores[look]);
      if (scores[look] > name_threshold) all.back().push_back(std::string(head_name(static_cast<Look>(look))) + score);
    }
  }
  if (repeated.block == 0) all.clear();
  return all;
}

void expect_circuits(const LoadedRun& run) {
  if (run.config.objective->translates()) {
    throw Error(Fault::input, data::printable(run.paths.directory) +
                                  " was trained with --objective translate, and circuits are read of a model without a "
                                  "source");
  }
  if (run.network->body->attention_layers() == 0) {
    throw Error(Fault::input, data::printable(run.paths.directory) + " is a model without attention, and has no heads");
  }
}

Circuits read_circuits(const LoadedRun& run, const data::TokenSequence& text,
                       const std::function<void(const Circuits&, long)>& told) {
  const nn::Model<float>& model = *run.network;
  const long layers = model.body->attention_layers();
  expect_circuits(run);
  if (autograd::any_not_finite(run.parameters.values(), run.parameters.size())) broken();
  Windows windows(run, text);
  const std::vector<int> tokens = commonest(*run.tokenizer, text, most_compared);
  Circuits circuits;
  circuits.run = run.paths.directory;
  circuits.step = run.id.step;
  circuits.shape = model.config();
  circuits.unit = run.config.objective->unit();
  circuits.windows = windows.count;
  circuits.window = windows.context();
  circuits.compared = static_cast<long>(tokens.size());
  for (long layer = 0; layer < layers; ++layer) {
    for (long h = 0; h < circuits.shape.heads; ++h) circuits.heads.push_back({.head = {layer, h}});
  }
  const nn::Scores whole = windows.scores(model, nullptr);
  const bool has_tokens = whole.tokens.targets > 0;
  circuits.targets = static_cast<std::uint64_t>(has_tokens ? whole.tokens.targets : whole.labels.targets);
  circuits.loss = circuits.targets > 0 ? whole.loss() : none;
  if (circuits.targets > 0 && !std::isfinite(circuits.loss)) broken();
  if (told) told(circuits, 0);
  look(circuits, run, windows, tokens);
  circuits.notes = left_out(model, circuits.repeated, *run.tokenizer);
  weigh(circuits, run, tokens);
  for (HeadReport& report : circuits.heads) {
    WithoutHeads<float> without(model, {report.head});
    report.added_loss = circuits.targets > 0 ? windows.scores(model, &without).loss() - circuits.loss : none;
    if (told && report.head.head == circuits.shape.heads - 1) told(circuits, report.head.layer + 1);
  }
  return circuits;
}

}  // namespace primer::train
