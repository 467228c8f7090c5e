#include <charconv>
#include <memory>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/safetensors.h"
#include "data/bytes/utf8.h"
#include "data/examples/token_file.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/checkpoints/loaded_run.h"
#include "train/step/json_line.h"

namespace primer::program {

using namespace train;

namespace {

struct InfoOptions {
  std::string path, checkpoint = "best";
  bool json = false;
};

struct Info {
  std::shared_ptr<const data::SafetensorsFile> file;
  std::string config;                                // JSON, "" if unknown
  std::shared_ptr<const data::Tokenizer> tokenizer;  // of a run
  std::string checkpoint;                            // of a run: the folder that is shown
  std::string others;                                // of a run: the steps that have a checkpoint
  std::uint64_t parameters = 0, positions = 0;
  long step = -1;  // unknown
};

// A configuration as JSON in one line, "" unless it is one that this program reads.
std::string checked_config(const std::string& json) {
  try {
    Config config;
    read_json(config, json, "config", ChosenBy::file);
    return to_json(config, Layout::one_line);
  } catch (const autograd::Error&) {
    return {};  // another program's file may call something else "config"
  }
}

Info look(const std::string& path, const std::string& choice) {
  Info info;
  if (data::kind_of(path, true) == data::FileKind::folder) {
    const CheckpointStore store(find_run(path).checkpoints());
    std::vector<std::string> warnings;
    const Checkpoint checkpoint = choose_checkpoint(store, parse_choice(choice), warnings);
    warn(warnings);
    info.config = to_json(checkpoint.config, Layout::one_line);
    info.tokenizer = checkpoint.tokenizer;
    info.checkpoint = checkpoint.path;
    for (const CheckpointId id : store.list()) {
      info.others +=
          (info.others.empty() ? "" : ", ") + std::to_string(id.step) + (id.evaluated ? "" : " (unevaluated)");
    }
    info.file = checkpoint.model;
  } else {
    info.file = std::make_shared<data::SafetensorsFile>(path);
  }
  for (const data::TensorEntry& tensor : info.file->tensors()) {
    info.parameters += tensor.count();
    if (tensor.name == "position.weight" || tensor.name.ends_with(".position.weight")) info.positions += tensor.count();
  }
  const auto& metadata = info.file->metadata();
  if (const auto step = metadata.find("step"); step != metadata.end()) {
    const std::string& text = step->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), info.step);
    if (error != std::errc() || end != text.data() + text.size()) info.step = -1;
  }
  if (const auto config = metadata.find("config"); info.config.empty() && config != metadata.end()) {
    info.config = checked_config(config->second);
  }
  return info;
}

std::string shape_text(const data::TensorEntry& tensor) {
  std::string text = "[";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) text += (i ? "," : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

std::string info_json(const Info& info) {
  JsonLine line;
  line.add("parameters", info.parameters).add("parameters_without_positions", info.parameters - info.positions);
  if (info.step >= 0) {
    line.add("step", info.step);
  } else {
    line.add_null("step");
  }
  line.add_json("config", info.config.empty() ? "null" : info.config);
  if (info.tokenizer) {
    line.add_text("tokenizer", info.tokenizer->kind())
        .add("vocabulary", static_cast<long>(info.tokenizer->vocabulary_size()));
  }
  if (info.tokenizer && info.tokenizer->has_own_sources()) {
    line.add_text("source_tokenizer", info.tokenizer->of_sources().kind())
        .add("source_vocabulary", static_cast<long>(info.tokenizer->of_sources().vocabulary_size()));
  }
  std::string tensors;
  for (const data::TensorEntry& tensor : info.file->tensors()) {
    JsonLine entry;
    entry.add_text("name", tensor.name)
        .add_text("dtype", data::dtype_name(tensor.dtype))
        .add_json("shape", shape_text(tensor));
    tensors += (tensors.empty() ? "" : ",") + entry.text();
  }
  return line.add_json("tensors", "[" + tensors + "]").text() + "\n";
}

std::string info_text(const Info& info) {
  std::string out;
  if (info.tokenizer) {
    out += "tokenizer   " + std::string(info.tokenizer->kind()) + ", vocabulary " +
           std::to_string(info.tokenizer->vocabulary_size()) + "\n";
    if (info.tokenizer->has_own_sources()) {
      const data::Tokenizer& sources = info.tokenizer->of_sources();
      out += "  sources   " + std::string(sources.kind()) + ", vocabulary " +
             std::to_string(sources.vocabulary_size()) + "\n";
    }
  }
  if (!info.checkpoint.empty()) {
    out += "checkpoint  " + data::printable(info.checkpoint) + "\nsaved       steps " + info.others + "\n";
  }
  out += "parameters  " + std::to_string(info.parameters) + " (" + std::to_string(info.parameters - info.positions) +
         " without positions)\n";
  if (info.step >= 0) out += "step        " + std::to_string(info.step) + "\n";
  if (!info.config.empty()) out += "config      " + info.config + "\n";
  for (const auto& [key, value] : info.file->metadata()) {
    if (key == "config" || key == "step") continue;
    out += "metadata    " + data::printable(key) + ": " + data::printable(value) + "\n";
  }
  for (const data::TensorEntry& tensor : info.file->tensors()) {
    out += "tensor      " + data::printable(tensor.name) + " " + std::string(data::dtype_name(tensor.dtype)) + " " +
           shape_text(tensor) + "\n";
  }
  return out;
}

}  // namespace

void add_info(CLI::App& root) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App* const command = add_command(root, "info", "show what a run or a file of tensors holds",
                                        "Examples:\n"
                                        "  primer info runs/book\n"
                                        "  primer info model.safetensors --json");
  command->add_option("PATH", options->path, "a run, or a .safetensors file")->required();
  add_checkpoint_option(*command, options->checkpoint);
  command->add_flag("--json", options->json, "one JSON object: parameters, step, config, tensors and more");
  command->callback([options] {
    const Info info = look(options->path, options->checkpoint);
    put(options->json ? info_json(info) : info_text(info));
  });
}

}  // namespace primer::program
