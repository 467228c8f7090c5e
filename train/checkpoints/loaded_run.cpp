#include "train/checkpoints/loaded_run.h"

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "train/checkpoints/model_file.h"
#include "train/tasks/task.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;
using data::FileKind;

RunPaths find_run(const std::string& directory) {
  const FileKind kind = data::kind_of(directory, true);
  const std::string shown = data::printable(directory);
  if (kind == FileKind::missing) throw Error(Fault::input, "there is no run " + shown);
  if (kind != FileKind::folder) throw Error(Fault::input, shown + " is not a run: a run is a directory");
  RunPaths run{directory};
  if (data::kind_of(run.checkpoints(), true) == FileKind::missing) {
    const auto has = [&](const char* name) { return data::kind_of(directory + "/" + name, true) == FileKind::regular; };
    const bool is_foreign = has("config.json") && (has("model.safetensors") || has("pytorch_model.bin"));
    throw Error(Fault::input,
                shown + " is no run of primer: it has no checkpoints" +
                    (is_foreign ? "; it looks like a model of another program, such as Hugging Face's" : ""));
  }
  return run;
}

std::vector<int> LoadedRun::encode(std::string_view text, bool specials) const {
  return specials ? tokenizer->encode_with_specials(text, &unknown) : tokenizer->encode(text, &unknown);
}

std::unique_ptr<LoadedRun> load_run(const std::string& directory, Choice choice) {
  auto loaded = std::make_unique<LoadedRun>();
  loaded->paths = find_run(directory);
  static_cast<Checkpoint&>(*loaded) =
      choose_checkpoint(CheckpointStore(loaded->paths.checkpoints()), choice, loaded->warnings);
  try {
    const auto labels = static_cast<long>(loaded->labels.size());
    loaded->network = std::make_unique<nn::Model<float>>(make_model<float>(
        loaded->parameters, *loaded->config.objective, model_config(loaded->config, *loaded->tokenizer, labels)));
  } catch (const Error& error) {
    throw Error(error.fault() == Fault::usage ? Fault::checkpoint : error.fault(),
                data::printable(loaded->path) + ": " + error.what());
  }
  check_blocks(*loaded->model, loaded->parameters, {{"", nullptr}});
  loaded->parameters.lay_out();
  read_blocks(*loaded->model, loaded->parameters, model_blocks(loaded->parameters));
  return loaded;
}

}  // namespace primer::train
