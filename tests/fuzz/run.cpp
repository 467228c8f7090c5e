// A whole run whose checksums and lengths are right, whatever else is in its files: whoever makes files can make those,
// too. It is read in every way, and trained for a step where that does not take long.
#include <omp.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "data/tokenizers/tokenizer_files.h"
#include "tests/fuzz/oracle.h"
#include "tests/train/every_use.h"
#include "tests/train/mended_files.h"
#include "train/checkpoints/model_file.h"

namespace fs = std::filesystem;
using namespace primer;
using autograd::Fault;
using train::Config;
using namespace primer::fuzz;
using namespace primer::test;

namespace {

constexpr long most_parameters = 20'000, most_places = 4'096;  // of what is computed here

void put(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

/// The files of an archive by name: "\n@@" begins a file, the rest of that line is its name. Of two files of one name
/// the last counts. An archive of the newest checkpoint of a run is made by
///
///   for f in config.json tokenizer.json state.cereal model.safetensors; do printf '\n@@%s\n' $f; cat $f; done
std::map<std::string, std::string> unpack(std::string_view archive) {
  constexpr std::string_view mark = "\n@@";
  std::map<std::string, std::string> files;
  for (auto at = archive.find(mark); at != std::string_view::npos;) {
    const auto next = archive.find(mark, at + mark.size());
    const std::string_view file = archive.substr(at + mark.size(), next - at - mark.size());
    const auto line = std::min(file.find('\n'), file.size());
    files[std::string(file.substr(0, line))] = file.substr(std::min(line + 1, file.size()));
    at = next;
  }
  return files;
}

/// A folder in memory, for this process alone.
struct Scratch {
  std::string path = std::string(::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp") + "/primer-fuzz-" +
                     std::to_string(::getpid());
  ~Scratch() { fs::remove_all(path); }
};

/// The run of an archive, written out. Of a model or moments that the archive leaves out, those of the configuration
/// take the place.
class ForgedRun {
 public:
  explicit ForgedRun(std::string_view archive) : files_(unpack(archive)) {
    static const Scratch scratch;
    paths = {scratch.path};
    fs::remove_all(scratch.path);
    fs::create_directories(scratch.path);
    describe();
    for (const char* const name : {"model.safetensors", "optimizer.safetensors"}) mend_tensors(files_[name]);
    std::string& tokens = files_["tokens"];
    std::string& state = files_["state.cereal"];
    if (tokenizer_) mend_tokens(tokens, *tokenizer_, labels_);
    mend_state(state, tokens);
    for (const char* const name : {"config.json", "tokenizer.json", "tokens", "metrics.jsonl"}) {
      put(scratch.path + "/" + name, files_[name]);
    }
    constexpr std::size_t step_at = 20;  // of a state: behind the title and the version
    const auto step = state.size() < step_at + 8 ? 0 : number_at<std::int64_t>(state, step_at);
    save({std::max<std::int64_t>(step, 0), true});
  }

  train::RunPaths paths;

 private:
  // What the configuration and the tokenizer say, if they are any.
  void describe() {
    accepts({Fault::usage}, [&] {
      train::read_json(config_, files_["config.json"], "c", train::ChosenBy::file);
      is_configured_ = true;
    });
    accepts({Fault::input}, [&] {
      tokenizer_ = data::parse_tokenizer(files_["tokenizer.json"], "t");
      if (const std::string& sources = files_["source_tokenizer.json"]; !sources.empty())
        tokenizer_ = data::make_pair_tokenizer(data::parse_tokenizer(sources, "s"), tokenizer_);
    });
    labels_ = config_.objective->has_labels() ? 2 : 0;
  }

  void save(train::CheckpointId id) {
    autograd::Parameters<float> parameters;
    std::vector<float> first, second;  // moments
    bool has_model = false;
    if (tokenizer_ && is_configured_) {
      accepts({Fault::usage}, [&] {
        const nn::Model<float> model(parameters, train::model_config(config_, *tokenizer_, static_cast<long>(labels_)));
        if (parameters.count() > most_parameters) return;
        parameters.build(1);
        has_model = true;
      });
    }
    first.resize(has_model ? parameters.size() : 0);
    second = first;
    std::vector<train::NamedBlock> moments{{"first.", first.data()}, {"second.", second.data()}};
    if (config_.optimizer == optim::Rule::sgd) moments = {{"momentum.", first.data()}};
    const auto write_tensors = [&](const char* name, std::vector<train::NamedBlock> blocks) {
      return [this, name, &parameters, has_model, blocks](data::OutputFile& file) {
        const std::string& bytes = files_[name];
        if (!bytes.empty() || !has_model) return file.append(bytes);
        train::write_blocks(file, parameters, blocks, {{"labels", "[\"even\",\"odd\"]"}});
      };
    };
    std::vector<train::NamedBlock> values;
    if (has_model) values = train::model_blocks(parameters);
    using File = train::CheckpointStore::File;
    std::vector<File> all{{"model.safetensors", write_tensors("model.safetensors", values)},
                          {"optimizer.safetensors", write_tensors("optimizer.safetensors", moments)}};
    for (const char* const name : {"state.cereal", "config.json", "tokenizer.json", "source_tokenizer.json"}) {
      if (files_[name].empty() && name == std::string("source_tokenizer.json")) continue;
      all.push_back({name, [this, name](data::OutputFile& file) { file.append(files_[name]); }});
    }
    train::CheckpointStore(paths.checkpoints()).save(id, all);
  }

  std::map<std::string, std::string> files_;
  Config config_;
  bool is_configured_ = false;
  std::shared_ptr<const data::Tokenizer> tokenizer_;
  std::size_t labels_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  omp_set_num_threads(1);
  const ForgedRun forged(std::string_view(reinterpret_cast<const char*>(data), size));
  use_in_every_way(forged.paths, {most_parameters, most_places}, [](auto faults, auto&& act) { accepts(faults, act); });
  return 0;
}
