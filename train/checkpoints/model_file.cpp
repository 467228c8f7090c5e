#include "train/checkpoints/model_file.h"

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "autograd/kernels/rows.h"
#include "data/bytes/utf8.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

std::vector<long> extents(const autograd::Shape& shape) {
  return {shape.extents.begin(), shape.extents.begin() + shape.rank};
}

std::string shape_text(const std::vector<long>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

std::vector<NamedBlock> model_blocks(const autograd::Parameters<float>& parameters) {
  return {{"", parameters.values()}};
}

std::vector<NamedBlock> moment_blocks(optim::Optimizer<float>& optimizer) {
  std::vector<NamedBlock> blocks;
  for (const optim::Moment<float>& moment : optimizer.moments())
    blocks.push_back({moment.name + ".", moment.data, true});
  return blocks;
}

void write_blocks(data::OutputFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<NamedBlock>& blocks, const std::map<std::string, std::string>& metadata) {
  std::vector<data::TensorView> tensors;
  for (const NamedBlock& block : blocks) {
    for (const auto& entry : parameters.entries()) {
      if (!block.holds(entry)) continue;
      const float* const values = block.data + entry.offset;
      tensors.push_back(data::tensor_view(block.prefix + entry.path, extents(entry.shape), values));
    }
  }
  data::write_safetensors(file, std::move(tensors), metadata);
}

namespace {

using Passes = std::function<bool(const std::string&)>;

/// What has this shape here has the other one in a file, by `more` rows.
bool has_fewer(const std::vector<long>& in_file, std::vector<long> here, const std::optional<MoreRows>& more) {
  if (!more || here.empty() || here[0] != more->now) return false;
  here[0] = more->before;
  return in_file == here;
}

/// check_blocks, but for the names that pass unseen.
void check_blocks(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<NamedBlock>& blocks, const Passes& passes,
                  const std::optional<MoreRows>& more = {}) {
  std::vector<std::string> differences;
  std::set<std::string> declared;
  for (const NamedBlock& block : blocks) {
    for (const auto& entry : parameters.entries()) {
      const std::string name = block.prefix + entry.path;
      const data::TensorEntry* tensor = file.find(name);
      if (passes(name) || (!tensor && !block.holds(entry))) continue;
      declared.insert(name);
      if (!tensor) {
        differences.push_back(name + " is missing");
      } else if (tensor->shape != extents(entry.shape) && !has_fewer(tensor->shape, extents(entry.shape), more)) {
        differences.push_back(name + " has the shape " + shape_text(tensor->shape) + ", expected " +
                              entry.shape.text());
      }
    }
  }
  for (const data::TensorEntry& tensor : file.tensors()) {
    if (passes(tensor.name) || declared.contains(tensor.name)) continue;
    differences.push_back(data::printable(tensor.name) + " is not of this model");
  }
  if (differences.empty()) return;
  constexpr std::size_t most = 10;
  std::string message = data::printable(file.path()) + ": not the parameters of the configured model: ";
  for (std::size_t i = 0; i < std::min(most, differences.size()); ++i) message += (i ? "; " : "") + differences[i];
  if (differences.size() > most) message += "; and " + std::to_string(differences.size() - most) + " more";
  throw Error(Fault::checkpoint, message);
}

void read_blocks(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                 const std::vector<NamedBlock>& blocks, const Passes& passes,
                 const std::optional<MoreRows>& more = {}) {
  check_blocks(file, parameters, blocks, passes, more);
  for (const NamedBlock& block : blocks) {
    for (const auto& entry : parameters.entries()) {
      if (passes(block.prefix + entry.path) || !block.holds(entry)) continue;
      long count = 1;  // as many as the file has
      for (const long extent : file.find(block.prefix + entry.path)->shape) count *= extent;
      float* const values = block.data + entry.offset;  // [count]
      file.read(block.prefix + entry.path, values, static_cast<std::uint64_t>(count));
      if (autograd::any_not_finite(values, count)) {
        throw Error(Fault::checkpoint, data::printable(file.path()) + ": " + block.prefix + entry.path +
                                           " holds a value that is not a number");
      }
    }
  }
}

bool none(const std::string&) { return false; }

}  // namespace

void check_blocks(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<NamedBlock>& blocks) {
  check_blocks(file, parameters, blocks, none);
}

void read_blocks(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                 const std::vector<NamedBlock>& blocks) {
  read_blocks(file, parameters, blocks, none);
}

void read_initial(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters,
                  const std::vector<std::string>& heads, const std::optional<MoreRows>& more) {
  const auto is_of_head = [&](const std::string& name) {
    return std::any_of(heads.begin(), heads.end(), [&](const std::string& head) { return name.starts_with(head); });
  };
  read_blocks(file, parameters, model_blocks(parameters), is_of_head, more);
}

bool all_finite(const autograd::Parameters<float>& parameters, const std::vector<NamedBlock>& blocks) {
  return std::all_of(blocks.begin(), blocks.end(), [&](const NamedBlock& block) {
    return !autograd::any_not_finite(block.data, block.size(parameters));
  });
}

}  // namespace primer::train
