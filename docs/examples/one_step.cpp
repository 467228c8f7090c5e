// A text, a model, and training steps: all that primer does, without the program around it.
#include <cstdio>
#include <string>
#include <vector>

#include "nn/model.h"
#include "optim/adam.h"
#include "optim/clip.h"

int main() {
  const std::string text = "the cat sat on the mat. the dog sat on the log. ";
  const long B = 4, T = 12;  // sequences in a batch, tokens in a sequence
  primer::nn::ModelConfig config{.vocabulary = 128, .context = T, .layers = 2, .heads = 2, .channels = 32};
  primer::autograd::Parameters<float> parameters;
  const primer::nn::Model<float> model(parameters, config);
  parameters.build(1337);
  primer::optim::Adam<float> optimizer(parameters, {.beta2 = 0.99, .weight_decay = 0.1});
  primer::autograd::Tape<float> tape;
  float last = 0;
  for (long step = 0; step <= 200; ++step) {
    std::vector<int> tokens, targets;  // [B, T]: a token is a byte, its target the next one
    for (long i = 0; i < B * T; ++i) {
      const std::size_t at = (step * 7 + i) % (text.size() - 1);
      tokens.push_back(text[at]);
      targets.push_back(text[at + 1]);
    }
    parameters.zero_grad();
    tape.reset();
    const auto loss = model.loss(tape, {tokens, B, T}, {targets, 1.0 / (B * T)});  // forward
    tape.backward(loss);
    parameters.settle();
    const double norm = primer::optim::gradient_norm(parameters);
    optimizer.update(3e-3, primer::optim::clip_factor(norm, 1.0));
    last = loss.item();
    if (step % 40 == 0) std::printf("step %3ld  loss %.9g  gradient norm %.9g\n", step, last, norm);
  }
  return last < 0.5 ? 0 : 1;
}
