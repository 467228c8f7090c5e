#include "train/run/loaded_run.h"

#include "autograd/error.h"
#include "data/file.h"
#include "data/utf8.h"
#include "train/run/model_file.h"

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
  if (data::kind_of(run.config(), true) == FileKind::missing) {
    throw Error(Fault::input, shown + " is not a run: it has no config.json");
  }
  return run;
}

Config load_config(const RunPaths& run) {
  Config config;
  try {
    read_json(config, data::read_file(run.config(), 1 << 20, Fault::checkpoint), data::printable(run.config()),
              Source::file);
  } catch (const Error& error) {
    // What would be the user's slip in a file of theirs is damage in one of ours.
    throw Error(error.fault() == Fault::usage ? Fault::checkpoint : error.fault(), error.what());
  }
  return config;
}

std::unique_ptr<LoadedRun> load_run(const std::string& directory) {
  auto loaded = std::make_unique<LoadedRun>();
  loaded->paths = find_run(directory);
  loaded->config = load_config(loaded->paths);
  loaded->tokenizer = data::load_tokenizer(loaded->paths.tokenizer());
  if (data::kind_of(loaded->paths.model(), true) == FileKind::missing) {
    throw Error(Fault::input, data::printable(directory) +
                                  " has no model.safetensors yet: its training has not come to an end");
  }
  const data::SafetensorsFile file(loaded->paths.model());
  try {
    loaded->gpt = std::make_unique<nn::Gpt<float>>(loaded->parameters,
                                                   gpt_config(loaded->config, loaded->tokenizer->vocabulary_size()));
  } catch (const Error& error) {
    throw Error(error.fault() == Fault::usage ? Fault::checkpoint : error.fault(),
                data::printable(loaded->paths.config()) + ": " + error.what());
  }
  check_model(file, loaded->parameters);
  loaded->parameters.build(0);
  load_model(file, loaded->parameters);
  return loaded;
}

}  // namespace primer::train
