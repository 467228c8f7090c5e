#include "train/use/attend.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/error.h"
#include "autograd/tape.h"
#include "data/bytes/utf8.h"
#include "data/examples/text_form.h"
#include "train/use/reader.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// Keeps the patterns [1, H, T, T] of all layers, in their order.
struct PatternKeeper final : autograd::Observer<float> {
  std::vector<float> weights;  // [layers, H, T, T]
  // Estimates of a pattern, rfa's and nystrom's, may lie outside of 0 ... 1, and are shown as the nearer end.
  bool estimates = false;

  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
  autograd::Tensor<float> see(std::string_view path, std::string_view, autograd::Tensor<float> pattern) override {
    for (long i = 0; i < pattern.size(); ++i) {
      float weight = pattern.data()[i];
      if (estimates && std::isfinite(weight)) weight = std::clamp(weight, 0.0f, 1.0f);
      if (!(weight >= 0 && weight < 1.001f)) {
        throw Error(Fault::checkpoint,
                    std::string(path) + " has weights that are no numbers from 0 to 1: the parameters are broken");
      }
      weights.push_back(weight);
    }
    return pattern;
  }
};

struct Reading {
  std::vector<int> ids, segments;  // [T] each; no segments if the model has none
};

// The text as the model reads it. A BERT's stands between [CLS] and [SEP].
Reading read(const LoadedRun& run, std::string_view text) {
  const nn::ModelConfig& model = run.network->config();
  Reading reading{run.tokenizer->encode_with_specials(text), {}};
  std::vector<int>& ids = reading.ids;
  const long frame = run.config.objective->frames() ? 2 : 0, most = model.context - frame,
             T = static_cast<long>(ids.size());
  if (T == 0) throw Error(Fault::input, "the text is empty; give one with something in it");
  if (T > most) {
    throw Error(Fault::input, "the text has " + std::to_string(T) + " tokens, and with a context of " +
                                  std::to_string(model.context) + " this model takes " + std::to_string(most) +
                                  " at most; give a shorter text");
  }
  if (!run.config.objective->frames()) return reading;
  ids.insert(ids.begin(), data::need_special(*run.tokenizer, "[CLS]"));
  ids.push_back(data::need_special(*run.tokenizer, "[SEP]"));
  reading.segments = segments_of(run, ids);
  return reading;
}

std::vector<float> patterns(const nn::Model<float>& model, const Reading& reading) {
  autograd::Tape<float> tape;
  const auto pause = tape.pause();
  PatternKeeper keeper;
  const nn::AttentionKind kind = model.config().attention;
  keeper.estimates = kind == nn::AttentionKind::rfa || kind == nn::AttentionKind::nystrom;
  tape.observer = &keeper;
  model.hidden(tape, {.tokens = reading.ids,
                      .batch = 1,
                      .length = static_cast<long>(reading.ids.size()),
                      .segments = reading.segments});
  return std::move(keeper.weights);
}

}  // namespace

AttentionPage attend(const LoadedRun& run, std::string_view text) {
  const nn::ModelConfig& model = run.network->config();
  if (run.config.objective->translates())
    throw Error(Fault::input, data::printable(run.paths.directory) +
                                  " was trained with --objective translate and reads a source beside every text");
  if (run.network->body->attention_layers() == 0)
    throw Error(Fault::input, data::printable(run.paths.directory) + " is a model without attention to show");
  const Reading reading = read(run, text);
  const std::size_t T = reading.ids.size();
  AttentionPage page;
  page.title = run.paths.directory;
  page.about = std::to_string(model.layers) + (model.layers == 1 ? " layer of " : " layers of ") +
               std::to_string(model.heads) + (model.heads == 1 ? " head, " : " heads, ") + std::to_string(T) +
               (T == 1 ? " token, " : " tokens, ") + "weights of step " + std::to_string(run.id.step) + ". " +
               (model.causal ? "A token looks at itself and at those before it." : "Every token looks at all.");
  page.causal = model.causal;
  page.layers = run.network->body->attention_layers();
  page.heads = model.heads;
  for (const int id : reading.ids) {
    const std::string& name = run.tokenizer->token_text(id);
    page.tokens.push_back({name, run.tokenizer->special(name) == id});
  }
  page.weights = patterns(*run.network, reading);
  return page;
}

}  // namespace primer::train
