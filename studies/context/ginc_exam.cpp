#include "studies/context/ginc_exam.h"

#include <algorithm>
#include <cmath>

#include "studies/lab/fit.h"

namespace primer::studies {

namespace {

template <class Row>
int argmax(const Row& row) {
  return static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
}

}  // namespace

Learner exactly(const Ginc& ginc, Ginc::Family family, bool infers) {
  return [&ginc, family, infers](const Prompts& prompts, long n) {
    std::vector<int> said;
    for (const Prompt& prompt : prompts) {
      Reader reader(ginc, family, infers);
      for (const int token : prompt.with(n)) reader.read(token);
      said.push_back(argmax(reader.next()));
    }
    return said;
  };
}

Learner by(const nn::Model<float>& model) {
  return [&model](const Prompts& prompts, long n) {
    std::vector<int> said;
    const long length = std::ssize(prompts[0].with(n)), V = model.config().vocabulary;
    constexpr std::size_t at_once = 100;
    for (std::size_t first = 0; first < prompts.size(); first += at_once) {
      const std::span some = std::span(prompts).subspan(first, std::min(at_once, prompts.size() - first));
      data::Batch batch = empty_batch(std::ssize(some), length);
      auto next = batch.tokens.begin();
      for (const Prompt& prompt : some) next = std::ranges::copy(prompt.with(n), next).out;
      const std::vector<float> logits = logits_of(model, batch);  // [B, T, V]
      for (long b = 1; b <= batch.sequences; ++b) {
        said.push_back(argmax(
            std::span(logits).subspan(static_cast<std::size_t>((b * length - 1) * V), static_cast<std::size_t>(V))));
      }
    }
    return said;
  };
}

data::Batch texts(const Ginc& ginc, Ginc::Family family, std::uint64_t seed, long first, long B, long T) {
  data::Batch batch = empty_batch(B, T);
  for (long b = 0; b < B; ++b) {
    const std::vector<int> text = ginc.document(family, seed, static_cast<std::uint64_t>(first + b), T + 1);
    std::copy(text.begin(), text.end() - 1, batch.tokens.begin() + b * T);
    std::copy(text.begin() + 1, text.end(), batch.targets.begin() + b * T);
  }
  return batch;
}

std::vector<double> losses(const Ginc& ginc, Ginc::Family family, const data::Batch& batch, bool infers) {
  const auto T = static_cast<std::size_t>(batch.length);
  std::vector<double> losses(static_cast<std::size_t>(batch.sequences), 0);
  for (std::size_t b = 0; b < losses.size(); ++b) {
    Reader reader(ginc, family, infers);
    for (std::size_t i = b * T; i < (b + 1) * T; ++i) {
      reader.read(batch.tokens[i]);
      losses[b] -= std::log(reader.next()[static_cast<std::size_t>(batch.targets[i])]) / static_cast<double>(T);
    }
  }
  return losses;
}
std::vector<double> losses(const nn::Model<float>& model, const data::Batch& batch) {
  std::vector<double> losses(static_cast<std::size_t>(batch.sequences), 0);
  for (const Judged& one : judge(model, batch)) {
    losses[static_cast<std::size_t>(one.place / batch.length)] += one.nll / static_cast<double>(batch.length);
  }
  return losses;
}

std::vector<int> Record::add(const Learner& learner, const Prompts& prompts, const std::vector<int>& exact) {
  const long k = prompts[0].k;
  std::map<long, std::vector<double>> found;
  std::vector<int> said;
  for (const long n : counts) {
    said = learner(prompts, n);
    for (std::size_t i = 0; i < said.size(); ++i) found[n].push_back(said[i] == prompts[i].label ? 1 : 0);
    right[k][n].add(found[n]);
  }
  std::vector<double> gained = found[most], missed;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    gained[i] -= found[0][i];
    if (!exact.empty()) missed.push_back((exact[i] == prompts[i].label ? 1 : 0) - found[most][i]);
  }
  gain[k].add(gained);
  if (!exact.empty()) shortfall[k].add(missed);
  return said;
}

train::Curve Record::curve(long k) const {
  train::Curve curve{name, {}, {}, {}, {}};
  for (const long n : counts) {
    curve.x.push_back(static_cast<double>(n)), curve.y.push_back(accuracy(k, n).mean);
  }
  return curve;
}

}  // namespace primer::studies
