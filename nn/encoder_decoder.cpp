#include "nn/encoder_decoder.h"

#include <string>

#include "autograd/expect.h"

namespace primer::nn {

template <class T>
EncoderDecoder<T>::EncoderDecoder(Parameters<T>& parameters, const ModelConfig& c)
    : Body<T>(c),
      token(parameters, "token", {c.vocabulary, c.channels, c.token_deviation()}),
      encoder(parameters, c.encoder(), "encoder.", c.source_vocabulary > 0 ? Tensor<T>() : token.weight),
      decoder(parameters, c.decoder(), "decoder.", token.weight) {}

template <class T>
Tensor<T> EncoderDecoder<T>::hidden(Tape<T>& tape, const Sequences& in, State<T>* state) const {
  const char* const name = "encoder-decoder";
  auto* const cache = dynamic_cast<KvCache<T>*>(state);
  expect_state(name, tape, in, state, cache && cache->fits(decoder.config));
  if (cache && cache->past() > 0) return decoder.hidden(tape, in, cache, {.lengths = cache->source_lengths()});

  const Source& source = in.source;
  autograd::expect_count(name, "tokens of sources", source.tokens.size(), in.batch * source.length);
  autograd::expect_lengths(name, source.lengths, in.batch, source.length);
  if (source.length > config.context)
    autograd::refuse(name, "a source of " + std::to_string(source.length) + " tokens is longer than the context of " +
                               std::to_string(config.context));
  const Sequences read{source.tokens, in.batch, source.length, source.lengths};
  const Tensor<T> memory = encoder.hidden(tape, read, nullptr, {});  // [B, S, C]
  const Tensor<T> y = decoder.hidden(tape, in, cache, {memory, source.lengths});
  if (cache) cache->keep_lengths(source);
  return y;
}

template struct EncoderDecoder<float>;
template struct EncoderDecoder<double>;

}  // namespace primer::nn
