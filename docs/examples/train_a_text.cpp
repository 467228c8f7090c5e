// A whole training by the library: from a text file to a run on disk, stopped and gone on with, and a sample.
//
//   train_a_text TEXT RUN      trains on the file TEXT in the new folder RUN
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/recipe.h"
#include "train/step/generate.h"

using namespace primer::train;

namespace {

/// Stops a training after so many looks; the trainer looks before every step.
class StopAfter : public Interruption {
 public:
  explicit StopAfter(int looks) : left_(looks) {}
  int stop() override { return --left_ < 0 ? SIGTERM : 0; }

 private:
  int left_;
};

void train_and_sample(const std::string& text, const std::string& directory) {
  // What is not chosen here is fitted to the text: the tokenizer, the learning rate, how often to evaluate.
  Recipe recipe{.texts = {text}, .wishes = {}, .from = {}};
  choose(recipe.wishes, &Config::layers, 2, ChosenBy::flag);
  choose(recipe.wishes, &Config::channels, 64, ChosenBy::flag);
  choose(recipe.wishes, &Config::context, 64, ChosenBy::flag);
  choose(recipe.wishes, &Config::steps, 120, ChosenBy::flag);

  StopAfter stop(60);
  const TrainingResult stopped = train_new(recipe, directory, Progress::Style::lines, stop);
  std::printf("stopped at step %ld; all is on the disk\n", stopped.step);

  Interruption none;
  const TrainingResult result = train_more(directory, {}, Progress::Style::lines, none);
  std::printf("step %ld, best validation loss %.3f at step %ld\n", result.step, result.best_val_loss, result.best_step);

  const auto run = load_run(directory);  // the best checkpoint
  primer::autograd::Tape<float> tape;
  std::string sample = "The ";
  const std::vector<int> prompt = run->tokenizer->encode(sample);
  generate(*run->network, tape, prompt, 200, {.temperature = 0.8}, {}, [&](std::uint64_t, int id) {
    sample += run->tokenizer->token_text(id);
    return true;
  });
  std::printf("%s\n", sample.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: train_a_text TEXT RUN\n");
    return 2;
  }
  try {
    train_and_sample(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_a_text: %s\n", error.what());
    return 1;
  }
  return 0;
}
