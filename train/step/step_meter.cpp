#include "train/step/step_meter.h"

#include "autograd/tape.h"
#include "train/tasks/task.h"

namespace primer::train {

StepMeter::StepMeter(const Config& config, const nn::ModelConfig& shape)
    : context_(config.context),
      targets_(shape.output.token || shape.output.masked
                   ? static_cast<long>(config.objective->targets(static_cast<double>(context_)))
                   : 0),
      smoothing_(config.label_smoothing),
      label_weights_(static_cast<std::size_t>(config.balance ? shape.output.labels : 0), 1),
      model_(make_model<float>(parameters_, *config.objective, shape)) {
  if (config.freeze) parameters_.train_only(trains_when_frozen);
  parameters_.lay_out(autograd::Memory::none);
}

StepNeed StepMeter::part(long sequences) {
  const data::Batch batch = batch_of(sequences);
  parameters_.zero_grad();
  autograd::Tape<float> tape(autograd::Memory::none);
  tape.noise.sequences = sequences;
  nn::Scores scores;
  tape.backward(loss_of(model_, tape, part_of(batch, 0, sequences), {1, 1, smoothing_, label_weights_}, scores));
  const std::size_t ids = batch.tokens.size() + batch.targets.size() + batch.lengths.size() + batch.segments.size() +
                          batch.labels.size() + batch.sources.size() + batch.source_lengths.size();
  return {static_cast<double>(tape.bytes_of_values()), static_cast<double>(tape.most_bytes_of_gradients()),
          static_cast<double>(ids * sizeof(int)), std::move(tape.multiplier.work)};
}

/// Ids of the shape that this model is trained on; which they are does not matter.
data::Batch StepMeter::batch_of(long sequences) const {
  const nn::ModelConfig& shape = model_.config();
  data::Batch batch;
  batch.sequences = sequences;
  batch.length = context_;
  batch.padded = shape.output.labels > 0;
  const long places = sequences * context_;
  batch.tokens.assign(places, 0);
  batch.targets.assign(places, -1);
  for (long i = 0; i < places; ++i)
    if (i % context_ < targets_) batch.targets[i] = 0;
  batch.lengths.assign(sequences, static_cast<int>(context_));
  if (shape.output.masked && shape.output.labels > 0) batch.segments.assign(places, 0);
  if (shape.decoder_layers > 0) {
    batch.source_length = context_;
    batch.sources.assign(places, 0);
    batch.source_lengths.assign(sequences, static_cast<int>(context_));
  }
  if (shape.output.labels > 0) batch.labels.assign(sequences, 0);
  return batch;
}

}  // namespace primer::train
