// What a model is trained to do: which texts it reads, how they become examples, which heads it has, what it is
// measured in. An objective is one file of this folder and one row of the table in task.cpp; everything else asks its
// Task.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/examples/examples.h"
#include "data/examples/text_form.h"
#include "data/examples/token_sequence.h"
#include "nn/model.h"

namespace primer::train {

struct Config;

/// How many tokens an example takes.
struct Room {
  long fewest_tokens;  // that the task can be trained or evaluated on, with marks
  long fewest_places;  // the smallest context with room for an example
  long framing;        // places of a context that hold no token of the text, less those that hold another's target
};

class Task {
 public:
  /// `name` is the word of --objective, `help` says in a line what is learned.
  Task(std::string_view name, std::string_view help) : name_(name), help_(help) {}
  virtual ~Task() = default;
  std::string_view name() const { return name_; }
  std::string_view help() const { return help_; }

  // ---- the text
  virtual data::TextForm form(const Config&) const { return data::TextForm::stream; }
  /// Tokens that are needed beside those of the text.
  virtual std::vector<std::string> specials() const { return {}; }
  /// The text's lines carry labels, whose names belong to the model.
  virtual bool has_labels() const { return false; }
  /// As many names as --field takes, for a message. A label is the first.
  virtual std::string_view fields() const { return has_labels() ? "label,text" : "text"; }
  virtual Room room(const Config& config) const = 0;

  // ---- the examples
  /// Those of `tokens`, which must live as long. None: Fault::input.
  virtual std::unique_ptr<data::Examples> examples(const Config& config, const data::Tokenizer& tokenizer,
                                                   const data::TokenSequence& tokens) const = 0;
  /// About how many there are in so many tokens and lines of text.
  virtual double count(const Config& config, double tokens, double lines) const;
  /// About how many targets an example of `length` tokens has.
  virtual double targets(double length) const { return length; }
  /// What the loss is the mean over: "token", "line".
  virtual std::string_view unit() const { return "token"; }
  /// Its targets are what is counted as read, not all tokens of its examples.
  virtual bool counts_targets(const Config&) const { return false; }
  /// A model that knows its examples by heart shows only beside what it makes of the training part.
  virtual bool evaluates_training() const { return false; }

  // ---- the model
  /// Goes on with a text, whose every token is predicted once.
  virtual bool writes() const { return false; }
  /// A position sees only itself and earlier ones.
  virtual bool causal() const { return false; }
  /// Reads a source in both directions, and predicts every token of its target.
  virtual bool translates() const { return false; }
  /// Predicts tokens that are hidden among others.
  virtual bool fills() const { return false; }
  /// Classes of the head on what a sequence is summed up in; `labels` are the text's. 0: no such head.
  virtual long classes(const Config&, long) const { return 0; }
  /// What is added to the mean square in norms, where nobody chose.
  virtual double norm_epsilon() const { return 1e-5; }
  /// Completes the model's configuration, which has from `config` what every model has, and its heads.
  virtual void shape(const Config&, nn::ModelConfig&) const {}
  /// The body on which the heads stand: that of --body, unless a task has its own.
  virtual std::unique_ptr<nn::Body<float>> body(autograd::Parameters<float>& parameters, const nn::ModelConfig&) const;
  virtual std::unique_ptr<nn::Body<double>> body(autograd::Parameters<double>& parameters,
                                                 const nn::ModelConfig&) const;
  /// A text is framed: [CLS] text [SEP].
  virtual bool frames() const { return false; }
  /// What nobody chose of the model's shape.
  virtual void fit(Config&) const {}

  // ---- beginning with another run's weights
  /// Chooses what nobody chose, for a training that begins with a model of `source`.
  virtual void begin_from(Config&, const Config& /*source*/) const {}
  virtual bool takes_answer_after() const { return false; }   // --answer-after, --documents
  virtual bool takes_next_sentence() const { return false; }  // --next-sentence
  virtual bool takes_freeze() const { return false; }         // --freeze

 private:
  std::string_view name_, help_;
};

/// What reads in both directions, as a BERT does: Devlin et al. 2019.
class BothWays : public Task {
 public:
  using Task::Task;
  std::vector<std::string> specials() const override { return {"[CLS]", "[SEP]", "[MASK]"}; }
  void shape(const Config& config, nn::ModelConfig& model) const override;
  bool frames() const override { return true; }
  double norm_epsilon() const override { return 1e-12; }
  void fit(Config& config) const override;
};

/// All tasks.
std::span<const Task* const> tasks();

/// Adds a task of one's own, which must live as long as the program: from then on its name is a word of --objective,
/// and its runs are read, resumed and evaluated like any others. Before any run of it is read, and while no other
/// thread asks for tasks(). A name that there is: Fault::usage.
void add_task(const Task& task);

/// The model of a task: its body, and the heads that the configuration names.
template <class T>
nn::Model<T> make_model(autograd::Parameters<T>& parameters, const Task& task, const nn::ModelConfig& config) {
  return {parameters, task.body(parameters, config)};
}

const Task& language_task();
const Task& masked_task();

/// The word of --objective in a configuration: one of tasks(). What it means is asked through ->.
class Objective {
 public:
  Objective(const Task& task = language_task()) : task_(&task) {}
  const Task* operator->() const { return task_; }
  const Task& operator*() const { return *task_; }
  bool operator==(const Objective&) const = default;

 private:
  const Task* task_;
};

/// How the texts of a run are read. All three must live as long.
data::TextReading reading_of(const Config& config, const data::Tokenizer& tokenizer,
                             const std::vector<std::string>& labels);

/// Throws Fault::input, naming them, when the tokenizer, or that of its sources, lacks one of the task's specials();
/// `option` is the one that would choose another.
void require_specials(const Task& task, const data::Tokenizer& tokenizer, std::string_view option = "--tokenizer");

/// A run's task on the texts of its tokenizer. What it is made of must live as long.
struct TextTask {
  const Config& config;
  const data::Tokenizer& tokenizer;

  /// The examples of `tokens`, which must live as long: Fault::input when there are none, or a special token is
  /// missing.
  std::unique_ptr<data::Examples> examples(const data::TokenSequence& tokens) const;

  /// The losses of a text's tokens add up to the length of its best code, so that bits per byte mean something.
  bool is_a_code() const;
};

/// What --help says of --objective.
std::string objective_help();

}  // namespace primer::train
