// A program that calls a layer, which the library has compiled, and the same as ops, which it compiles itself: with
// what flags ever, it gets the layer's bits from the library, and its own ops compute with its own vectors. Both agree
// but for rounding.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "autograd/ops/attention.h"
#include "autograd/ops/linear.h"
#include "nn/attention/self_attention.h"

using namespace primer;

int main() {
  const long B = 2, T = 40, C = 64, H = 2;
  autograd::Parameters<float> parameters;
  const nn::SelfAttention<float> layer(parameters, "attention", {.channels = C, .heads = H});
  parameters.build(1);
  std::vector<float> numbers(B * T * C);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(autograd::Random(1, 2).normal(i));

  autograd::Tape<float> tape;
  const autograd::Tensor<float> x = tape.input({B, T, C}, numbers);
  const autograd::Tensor<float> ready = layer(x, x, {});
  const autograd::AttentionOptions options{.heads = H, .causal = true};
  const autograd::Tensor<float> qkv = autograd::linear(x, layer.qkv.weight, layer.qkv.bias);
  const autograd::Tensor<float> seen = autograd::attention(autograd::attention_layout(qkv, options), options);
  const autograd::Tensor<float> own = autograd::linear_residual(x, seen, layer.output.weight, layer.output.bias);

  double sum = 0, apart = 0;
  bool finite = true;
  for (long i = 0; i < ready.size(); ++i) {
    finite = finite && std::isfinite(ready.data()[i]) && std::isfinite(own.data()[i]);
    sum += ready.data()[i];
    apart = std::max(apart, std::abs(static_cast<double>(ready.data()[i]) - own.data()[i]));
  }
  std::printf("the layer's sum: %a\n", sum);
  if (finite && apart < 1e-5) return 0;
  std::fprintf(stderr, "the layer and its ops differ by %g, and are %s\n", apart, finite ? "finite" : "not finite");
  return 1;
}
