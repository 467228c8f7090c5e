#include "train/checkpoints/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "data/bytes/strict_json.h"
#include "data/bytes/utf8.h"
#include "data/text/labels.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr const char* model_name = "model.safetensors";
constexpr const char* optimizer_name = "optimizer.safetensors";
constexpr const char* state_name = "state.cereal";
constexpr const char* config_name = "config.json";
constexpr const char* tokenizer_name = "tokenizer.json";
constexpr const char* source_tokenizer_name = "source_tokenizer.json";  // where sources have their own

// What would be the user's slip in a file of theirs is damage in one of ours.
template <class Read>
auto read_own(Read read) {
  try {
    return read();
  } catch (const Error& error) {
    const bool ours = error.fault() == Fault::usage || error.fault() == Fault::input;
    throw Error(ours ? Fault::checkpoint : error.fault(), error.what());
  }
}

constexpr const char* labels_key = "labels";  // in the metadata of model.safetensors

std::string labels_json(const std::vector<std::string>& labels) {
  std::string json = "[";
  for (const std::string& label : labels) json += (json.size() > 1 ? "," : "") + data::json_quoted(label);
  return json + "]";
}

std::vector<std::string> labels_of(const Config& config, const data::SafetensorsFile& model) {
  std::vector<std::string> labels;
  if (!config.objective->has_labels()) return labels;
  const auto refuse = [&](const std::string& why) {
    throw Error(Fault::checkpoint, data::printable(model.path()) + ": its labels: " + why);
  };
  const auto found = model.metadata().find(labels_key);
  if (found == model.metadata().end()) refuse("there are none");
  try {
    data::read_json(found->second, {}, [&](const data::JsonPath& at, const data::JsonValue& value) {
      const bool is_list = at.empty() && value.kind == data::JsonValue::Kind::array;
      if (at.size() == 1 && value.kind == data::JsonValue::Kind::string) labels.push_back(value.text);
      else if (!is_list) refuse("expected a list of names");
    });
  } catch (const data::JsonError& error) {
    refuse(error.what());
  }
  if (labels.size() < 2) refuse("expected two or more");
  if (!std::ranges::all_of(labels, data::can_be_shown)) refuse("one cannot be shown as text");
  if (std::set<std::string>(labels.begin(), labels.end()).size() < labels.size()) refuse("one stands there twice");
  return labels;
}

Checkpoint open_verified(const CheckpointStore& store, CheckpointId id) {
  store.verify(id);
  return open_checkpoint(store, id);
}

// The newest that is whole.
Checkpoint open_newest(const CheckpointStore& store, std::vector<std::string>& warnings) {
  const std::vector<CheckpointId> ids = store.list();
  std::vector<std::string> broken;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    try {
      Checkpoint checkpoint = open_verified(store, *id);
      warnings.insert(warnings.end(), broken.begin(), broken.end());
      return checkpoint;
    } catch (const NewerFormat&) {
      throw;
    } catch (const Error& error) {
      broken.emplace_back(error.what());
    }
  }
  throw Error(Fault::checkpoint, broken.empty() ? "the run has no checkpoint" : broken.front());
}

// `which` becomes what is to be said of a choice that was made for the user.
Checkpoint choose(const CheckpointStore& store, Choice choice, std::vector<std::string>& warnings, std::string& which) {
  if (choice.kind == Choice::Kind::step) {
    const std::vector<CheckpointId> ids = store.list();
    std::string there;
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      if (id->step == choice.step) return open_verified(store, *id);
      there = std::to_string(id->step) + (there.empty() ? "" : ", ") + there;
    }
    throw Error(Fault::input, "there is no checkpoint of step " + std::to_string(choice.step) +
                                  (there.empty() ? "" : "; there are " + there));
  }
  Checkpoint newest = open_newest(store, warnings);
  const CheckpointId best{newest.state.best_step, true};
  if (choice.kind == Choice::Kind::last || best.step < 0 || best == newest.id) return newest;
  const std::string last = std::to_string(newest.id.step);
  const long evaluated = newest.id.step - (newest.id.evaluated ? 0 : 1), every = newest.config.eval_every;
  const bool is_begun = every == 0 || evaluated < every;  // and the first evaluation behind the beginning is not due
  if (best.step == 0 && is_begun && evaluated < newest.config.steps) {
    which = "step " + last + ", the last one: none was evaluated since the beginning";
    return newest;
  }
  const std::vector<CheckpointId> ids = store.list();
  if (std::find(ids.begin(), ids.end(), best) == ids.end()) {
    warnings.push_back("the best model, that of step " + std::to_string(best.step) +
                       ", could not be saved; this is that of step " + last);
    return newest;
  }
  which = "step " + std::to_string(best.step) + ", the best so far; --checkpoint last takes step " + last;
  return open_verified(store, best);
}

}  // namespace

void Snapshot::copy(const autograd::Parameters<float>& parameters) {
  for (std::vector<NamedBlock>* blocks : {&model, &moments}) {
    for (NamedBlock& block : *blocks) {
      copies_.emplace_back(block.data, block.data + block.size(parameters));
      block.data = copies_.back().data();
    }
  }
}

Snapshot snapshot(CheckpointId id, Trainer<float>& trainer, TrainingState state) {
  state.trainer = trainer.state();
  state.updates = trainer.optimizer().updates();
  Snapshot now;
  now.id = id;
  now.state = std::move(state);
  now.model = model_blocks(trainer.parameters());
  now.moments = moment_blocks(trainer.optimizer());
  return now;
}

void save_checkpoint(CheckpointStore& store, const Snapshot& snapshot, const autograd::Parameters<float>& parameters,
                     const Config& config, const data::Tokenizer& tokenizer, const std::vector<std::string>& labels) {
  if (!all_finite(parameters, snapshot.model) || !all_finite(parameters, snapshot.moments)) {
    throw Error(Fault::diverged, "the training diverged: at step " + std::to_string(snapshot.id.step) +
                                     " a parameter is no longer a number; try a smaller --lr or a --clip");
  }
  // The weights travel: what tells the machine, or a place on it, stays at home.
  Config shared = config;
  shared.threads = 0;
  if (config.tokenizer.find('/') != std::string::npos) shared.tokenizer = tokenizer_name;
  if (config.source_tokenizer.find('/') != std::string::npos) shared.source_tokenizer = source_tokenizer_name;
  for (std::string& path : shared.validation) path.erase(0, path.rfind('/') + 1);  // npos + 1 is 0
  std::map<std::string, std::string> metadata{{"step", std::to_string(snapshot.id.step)},
                                              {"config", to_json(shared, Layout::one_line)}};
  if (!labels.empty()) metadata[labels_key] = labels_json(labels);
  const auto text = [](std::string bytes) {
    return [bytes = std::move(bytes)](data::OutputFile& file) { file.append(bytes); };
  };
  std::vector<CheckpointStore::File> files{
      {model_name, [&](auto& file) { write_blocks(file, parameters, snapshot.model, metadata); }},
      {optimizer_name, [&](auto& file) { write_blocks(file, parameters, snapshot.moments, {}); }},
      {state_name, text(encode_state(snapshot.state))},
      {config_name, text(to_json(config))},
      {tokenizer_name, text(tokenizer.json())}};
  if (tokenizer.has_own_sources()) files.push_back({source_tokenizer_name, text(tokenizer.of_sources().json())});
  store.save(snapshot.id, files);
}

Checkpoint open_checkpoint(const CheckpointStore& store, CheckpointId id) {
  Checkpoint checkpoint{id, store.path(id), {}, {}, {}, {}, {}, {}};
  const auto path = [&](const char* name) { return checkpoint.path + "/" + name; };
  read_own([&] {
    const std::string state = path(state_name), config = path(config_name);
    checkpoint.state = decode_state(data::read_file(state, 1 << 20, Fault::checkpoint), data::printable(state));
    read_json(checkpoint.config, data::read_file(config, 1 << 20, Fault::checkpoint), data::printable(config),
              ChosenBy::file);
    checkpoint.tokenizer = data::load_tokenizer(path(tokenizer_name));
    if (parts_sides(checkpoint.config)) {
      checkpoint.tokenizer =
          data::make_pair_tokenizer(data::load_tokenizer(path(source_tokenizer_name)), checkpoint.tokenizer);
    }
    checkpoint.model = std::make_shared<data::SafetensorsFile>(path(model_name));
    checkpoint.moments = std::make_shared<data::SafetensorsFile>(path(optimizer_name));
    checkpoint.labels = labels_of(checkpoint.config, *checkpoint.model);
    model_config(checkpoint.config, *checkpoint.tokenizer, static_cast<long>(checkpoint.labels.size())).check();
    require_specials(*checkpoint.config.objective, *checkpoint.tokenizer);
    if (checkpoint.config.context < checkpoint.config.objective->room(checkpoint.config).fewest_places) {
      throw Error(Fault::checkpoint, data::printable(config) + ": a context of " +
                                         std::to_string(checkpoint.config.context) + " has no room for an example");
    }
  });
  if (checkpoint.state.trainer.step != id.step) {
    throw Error(Fault::checkpoint, data::printable(path(state_name)) + ": it is that of step " +
                                       std::to_string(checkpoint.state.trainer.step));
  }
  return checkpoint;
}

std::unique_ptr<data::TokenFile> open_tokens(const Checkpoint& checkpoint, const std::string& path) {
  return read_own([&] {
    auto tokens = std::make_unique<data::TokenFile>(path);
    const data::TokenFileFacts& facts = tokens->facts();
    const data::TextForm form = checkpoint.config.objective->form(checkpoint.config);
    const bool is_old = facts.version == 1;
    const auto vocabulary = static_cast<std::uint64_t>(checkpoint.tokenizer->tokens_of_both());
    const std::uint64_t labels = checkpoint.labels.size();
    if (fingerprint(facts) != checkpoint.state.tokens) {
      throw Error(Fault::checkpoint, data::printable(path) + ": not the tokens that the run was trained on");
    }
    if (checkpoint.tokenizer->checksum() != facts.tokenizer_checksum ||
        facts.vocabulary != vocabulary + (is_old ? labels : 0) || facts.labels != (is_old ? 0 : labels)) {
      throw Error(Fault::checkpoint, data::printable(checkpoint.path) + ": its tokenizer is not the one that made " +
                                         data::printable(path));
    }
    if (!is_old && facts.form != form) {
      throw Error(Fault::checkpoint, data::printable(path) + ": its examples are of another kind than the run's");
    }
    if (tokens->train_size() == 0) throw Error(Fault::checkpoint, data::printable(path) + ": it holds no tokens");
    if (is_old) tokens->find_old_examples(form, *checkpoint.tokenizer, static_cast<long>(labels));
    return tokens;
  });
}

void restore_trainer(const Checkpoint& checkpoint, Trainer<float>& trainer) {
  auto& parameters = trainer.parameters();
  read_blocks(*checkpoint.model, parameters, model_blocks(parameters));
  read_blocks(*checkpoint.moments, parameters, moment_blocks(trainer.optimizer()));
  trainer.optimizer().set_updates(checkpoint.state.updates);
  trainer.restore(checkpoint.state.trainer);
}

Choice parse_choice(const std::string& text) {
  if (text == "best") return {Choice::Kind::best, 0};
  if (text == "last") return {Choice::Kind::last, 0};
  Choice choice{Choice::Kind::step, 0};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), choice.step);
  if (error != std::errc() || end != text.data() + text.size() || choice.step < 0) {
    throw Error(Fault::usage, "--checkpoint " + data::printable(text) + ": expected best, last or a step");
  }
  return choice;
}

Checkpoint choose_checkpoint(const CheckpointStore& store, Choice choice, std::vector<std::string>& warnings) {
  constexpr int most_attempts = 1000;
  for (int attempt = 1;; ++attempt) {
    const std::vector<CheckpointId> before = store.list();
    // Where anything is amiss, a training may have pruned what we were reading: then there is something newer.
    const auto is_over = [&] { return attempt == most_attempts || store.list() == before; };
    try {
      std::vector<std::string> found;
      std::string which;
      Checkpoint checkpoint = choose(store, choice, found, which);
      if (!found.empty() && !is_over()) continue;
      if (!which.empty()) found.push_back(std::move(which));
      warnings.insert(warnings.end(), found.begin(), found.end());
      return checkpoint;
    } catch (const NewerFormat&) {
      throw;
    } catch (const Error&) {
      if (is_over()) throw;
    }
  }
}

}  // namespace primer::train
