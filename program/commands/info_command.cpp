#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/safetensors.h"
#include "data/bytes/utf8.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/resume.h"
#include "train/step/json_line.h"
#include "train/use/run_facts.h"

namespace primer::program {

using namespace train;

namespace {

struct InfoOptions {
  std::string path, checkpoint = "best";
  bool json = false;
};

struct Info {
  std::shared_ptr<const data::SafetensorsFile> file;
  std::string config;              // JSON, "" if unknown
  std::optional<Checkpoint> run;   // the one that is shown
  std::optional<Checkpoint> last;  // the newest
  std::string directory, saved;    // of a run, and the steps that have a checkpoint
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
    info.run = choose_checkpoint(store, parse_choice(choice), warnings);
    warn(warnings);
    std::vector<std::string> ignored;
    info.last = choose_checkpoint(store, {Choice::Kind::last, 0}, ignored);
    info.directory = path;
    info.config = to_json(info.run->config, Layout::one_line);
    for (const CheckpointId id : store.list()) {
      info.saved += (info.saved.empty() ? "" : ", ") + std::to_string(id.step) + (id.evaluated ? "" : " (unevaluated)");
    }
    info.file = info.run->model;
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

std::string extents_text(const data::TensorEntry& tensor) {
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
  if (info.run) {
    const data::Tokenizer& tokenizer = *info.run->tokenizer;
    line.add_text("tokenizer", tokenizer.kind()).add("vocabulary", static_cast<long>(tokenizer.vocabulary_size()));
    if (tokenizer.has_own_sources()) {
      line.add_text("source_tokenizer", tokenizer.of_sources().kind())
          .add("source_vocabulary", static_cast<long>(tokenizer.of_sources().vocabulary_size()));
    }
    line.add("last_step", info.last->state.trainer.step).add("seconds", seconds_trained(info.directory, *info.last));
    if (info.last->state.best_step >= 0) {
      line.add("best_step", info.last->state.best_step).add("best_val_loss", info.last->state.best_val_loss);
    }
  }
  std::string tensors;
  for (const data::TensorEntry& tensor : info.file->tensors()) {
    JsonLine entry;
    entry.add_text("name", tensor.name)
        .add_text("dtype", data::dtype_name(tensor.dtype))
        .add_json("shape", extents_text(tensor));
    tensors += (tensors.empty() ? "" : ",") + entry.text();
  }
  return line.add_json("tensors", "[" + tensors + "]").text() + "\n";
}

std::string line_of(std::string name, const std::string& text) {
  name.resize(12, ' ');
  return name + text + "\n";
}

std::string run_text(const Info& info) {
  const Config& config = info.last->config;
  const TrainingState& state = info.last->state;
  const bool has_ended = is_finished(state, state.trainer.step, config);
  std::string out =
      line_of("run", data::printable(info.directory) + ", trained to step " + std::to_string(state.trainer.step) +
                         " of " + std::to_string(config.steps) +
                         (state.stopped_early ? ", stopped early"
                          : has_ended         ? ""
                                              : ", can go on") +
                         "; saved are the steps " + info.saved + ", shown is " + std::to_string(info.run->id.step));
  for (const auto& [name, text] : run_facts(info.directory, *info.last)) out += line_of(name, text);
  std::string options;
  std::size_t column = 11;
  for (const std::string& option : options_of(config)) {  // in lines of about 100 columns
    if (column + 1 + option.size() > 100) options += "\n" + std::string(column = 11, ' ');
    options += (options.empty() ? "" : " ") + option;
    column += 1 + option.size();
  }
  return out + line_of("options", options);
}

std::string info_text(const Info& info) {
  std::string out = info.run ? run_text(info) : "";
  out += line_of("parameters", std::to_string(info.parameters) + " (" +
                                   std::to_string(info.parameters - info.positions) + " without positions)");
  if (info.run) return out + line_of("tensors", std::to_string(info.file->tensors().size()) + "; --json lists them");
  if (info.step >= 0) out += line_of("step", std::to_string(info.step));
  if (!info.config.empty()) out += line_of("config", info.config);
  for (const auto& [key, value] : info.file->metadata()) {
    if (key == "config" || key == "step") continue;
    out += line_of("metadata", data::printable(key) + ": " + data::printable(value));
  }
  for (const data::TensorEntry& tensor : info.file->tensors()) {
    out += line_of("tensor", data::printable(tensor.name) + " " + std::string(data::dtype_name(tensor.dtype)) + " " +
                                 extents_text(tensor));
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
