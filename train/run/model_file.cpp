#include "train/run/model_file.h"

#include <cmath>
#include <set>
#include <vector>

#include "data/utf8.h"

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

void save_model(const std::string& path, const autograd::Parameters<float>& parameters,
                const std::map<std::string, std::string>& metadata) {
  std::vector<data::TensorView> tensors;
  for (const auto& entry : parameters.entries()) {
    tensors.push_back(data::tensor_view(entry.path, extents(entry.shape), parameters.values() + entry.offset));
  }
  data::write_safetensors(path, std::move(tensors), metadata);
}

void check_model(const data::SafetensorsFile& file, const autograd::Parameters<float>& parameters) {
  std::vector<std::string> differences;
  std::set<std::string_view> declared;
  for (const auto& entry : parameters.entries()) {
    declared.insert(entry.path);
    const data::TensorEntry* tensor = file.find(entry.path);
    if (!tensor) {
      differences.push_back(entry.path + " is missing");
    } else if (tensor->shape != extents(entry.shape)) {
      differences.push_back(entry.path + " has the shape " + shape_text(tensor->shape) + ", expected " +
                            entry.shape.text());
    }
  }
  for (const data::TensorEntry& tensor : file.tensors()) {
    if (!declared.contains(tensor.name)) differences.push_back(data::printable(tensor.name) + " is not of this model");
  }
  if (differences.empty()) return;
  constexpr std::size_t most = 10;
  std::string message = file.path() + ": not the parameters of the configured model: ";
  for (std::size_t i = 0; i < std::min(most, differences.size()); ++i) message += (i ? "; " : "") + differences[i];
  if (differences.size() > most) message += "; and " + std::to_string(differences.size() - most) + " more";
  throw Error(Fault::checkpoint, message);
}

void load_model(const data::SafetensorsFile& file, autograd::Parameters<float>& parameters) {
  check_model(file, parameters);
  for (const auto& entry : parameters.entries()) {
    const long count = entry.shape.size();
    float* const values = parameters.values() + entry.offset;  // [count]
    file.read(entry.path, values, static_cast<std::uint64_t>(count));
    for (long i = 0; i < count; ++i) {
      if (!std::isfinite(values[i])) {
        throw Error(Fault::checkpoint, file.path() + ": " + entry.path + " holds a value that is not a number");
      }
    }
  }
}

}  // namespace primer::train
