// What is laid out like the parameters, on disk: the parameters themselves, or an optimizer's moments, as safetensors.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autograd/parameters.h"
#include "data/bytes/safetensors.h"
#include "optim/optimizer.h"

namespace primer::train {

/// A flat block laid out like the parameters. Its tensors are named prefix + the parameter's path.
struct NamedBlock {
  std::string prefix;
  float* data;                // [size(parameters)]; null in a check of names and shapes
  bool trained_only = false;  // nothing stands there for what is frozen

  long size(const autograd::Parameters<float>& parameters) const {
    return trained_only ? parameters.trained() : parameters.size();
  }
  bool holds(const autograd::Parameters<float>::Entry& entry) const { return !(trained_only && entry.frozen); }
};

/// The parameters' values: no prefix.
std::vector<NamedBlock> model_blocks(const autograd::Parameters<float>& parameters);

/// The optimizer's moments, of what is trained: "first." and "second.", or "momentum.".
std::vector<NamedBlock> moment_blocks(optim::Optimizer<float>& optimizer);

/// Appends every tensor of the blocks to an empty file. `metadata` goes into the header. The disk: Fault::io.
void write_blocks(data::OutputFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<NamedBlock>& blocks, const std::map<std::string, std::string>& metadata);

/// Throws Fault::checkpoint unless the file holds exactly the blocks' tensors in their shapes; the message names what
/// is missing, left over or of another shape, up to ten of them. The parameters need not be built. Moments of what is
/// frozen may be there, as earlier programs wrote them: they are zeros, and nobody reads them.
void check_blocks(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<NamedBlock>& blocks);

/// Checks as above, then fills the blocks. A value that is not finite: Fault::checkpoint.
void read_blocks(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                 const std::vector<NamedBlock>& blocks);

/// A vocabulary has grown: what has `before` rows in a file has `now` rows.
struct MoreRows {
  long before, now;
};

/// Fills the parameters with those of another training's model. What begins with one of `heads` is neither read nor
/// missed, and rows that only the parameters have stay as they are; for the rest, as read_blocks.
void read_initial(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<std::string>& heads, const std::optional<MoreRows>& more = {});

/// True if every value of the blocks is a number.
bool all_finite(const autograd::Parameters<float>& parameters, const std::vector<NamedBlock>& blocks);

}  // namespace primer::train
