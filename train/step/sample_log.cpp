#include "train/step/sample_log.h"

#include "autograd/error.h"
#include "data/examples/text_form.h"
#include "train/step/json_line.h"

namespace primer::train {

bool SampleLog::write(long step, const nn::Model<float>& model, std::shared_ptr<const data::Tokenizer> tokenizer,
                      const std::function<bool()>& stop) {
  autograd::Tape<float> tape;
  data::StreamDecoder decoder(tokenizer);
  const ValidText valid(*tokenizer);
  std::string text = shown_;
  bool is_stopped = false;
  const int end = tokenizer->special(data::end_of_text);
  const auto each = [&](std::uint64_t, int id) {
    if (id == end || (is_stopped = stop())) return false;
    text += decoder.feed(id);
    return true;
  };
  JsonLine line;
  line.add("step", step);
  try {
    generate(model, tape, prompt_, tokens, {.seed = seed_}, {static_cast<std::uint64_t>(step), 1}, each,
             {tokenizer->unknown(), &valid});
    line.add_text("text", text);
  } catch (const autograd::Error& error) {
    if (error.fault() != autograd::Fault::checkpoint && error.fault() != autograd::Fault::memory) throw;
    line.add_null("text");
  }
  if (!is_stopped) log_.write(line.text());
  return !is_stopped;
}

}  // namespace primer::train
