#include "train/tasks/presets.h"

#include "autograd/error.h"
#include "data/text/nearest.h"

namespace primer::train {

namespace {

struct Preset {
  std::string name;
  std::string json;  // what it sets, in the form of a configuration file
};

// The first two are nanoGPT's own settings for character-level Shakespeare: github.com/karpathy/nanoGPT, README.md and
// config/train_shakespeare_char.py. No early stopping: the figures that people compare are of the whole run.
const std::vector<Preset>& presets() {
  static const std::vector<Preset> list = {
      {"nanogpt-cpu", R"({
        "objective": "lm", "tokenizer": "char", "unknown_symbol": false, "val_fraction": 0.1, "split": "tail",
        "documents": "none",
        "layers": 4, "heads": 4, "channels": 128, "context": 64, "dropout": 0,
        "bias": false, "position": "learned", "norm": "pre", "tie": true, "activation": "gelu-erf",
        "optimizer": "adamw", "lr": 1e-3, "min_lr": 1e-4, "warmup": 100, "schedule": "cosine",
        "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "clip": 1,
        "batch": 12, "steps": 2000, "patience": 0, "eval_every": 250, "eval_batches": 0})"},
      {"nanogpt-gpu", R"({
        "objective": "lm", "tokenizer": "char", "unknown_symbol": false, "val_fraction": 0.1, "split": "tail",
        "documents": "none",
        "layers": 6, "heads": 6, "channels": 384, "context": 256, "dropout": 0.2,
        "bias": false, "position": "learned", "norm": "pre", "tie": true, "activation": "gelu-erf",
        "optimizer": "adamw", "lr": 1e-3, "min_lr": 1e-4, "warmup": 100, "schedule": "cosine",
        "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "clip": 1,
        "batch": 64, "steps": 5000, "patience": 0, "eval_every": 250, "eval_batches": 0})"},
      // The shape of Touvron et al. 2023, LLaMA, section 2.2; its sizes are fitted to the text.
      {"llama", R"({
        "position": "rotary", "norm": "pre", "norm_kind": "rms", "activation": "swiglu", "bias": false})"},
  };
  return list;
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.push_back(preset.name);
  return names;
}

void apply_preset(Config& config, const std::string& name) {
  for (const Preset& preset : presets()) {
    if (preset.name == name) return read_json(config, preset.json, "preset " + name, ChosenBy::preset);
  }
  std::string message = "unknown preset " + name + ": there are";
  for (const std::string& known : preset_names()) message += " " + known;
  const std::string near = data::nearest(name, preset_names());
  if (!near.empty()) message += "; did you mean " + near + "?";
  throw autograd::Error(autograd::Fault::usage, message);
}

}  // namespace primer::train
