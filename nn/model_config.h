// The shape of a model: what must be known to build one, and to build the same one again.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "autograd/error.h"
#include "autograd/options.h"

namespace primer::nn {

using autograd::Activation;
using autograd::word_list;

/// What turns tokens into hidden rows: attention, or cells that read one token after another.
enum class BodyKind { transformer, rnn, gru, lstm };
constexpr auto words(BodyKind) { return word_list("transformer", "rnn", "gru", "lstm"); }

/// How a model knows where a token stands: rows of a table or sinusoids, added to the tokens; queries and keys turned
/// by angles (Su et al. 2021); learned rows added to the inputs of queries and keys only (Press et al. 2021,
/// Shortformer).
enum class Position { learned, sinusoidal, rotary, qk, none };
constexpr auto words(Position) { return word_list("learned", "sinusoidal", "rotary", "qk", "none"); }

/// What a query makes of the keys: softmax(q k / sqrt(D)) (Vaswani et al. 2017), or phi(q) phi(k) over its sum, with a
/// state that does not grow: linear, phi = elu + 1 (Katharopoulos et al. 2020); favor, positive orthogonal random
/// features of e^(q k / sqrt(D)) (Choromanski et al. 2021); rfa, trigonometric ones of unit vectors, and a gate that
/// forgets (Peng et al. 2021). nystrom: softmax through landmarks, in both directions (Xiong et al. 2021).
enum class AttentionKind { softmax, linear, favor, rfa, nystrom };
constexpr auto words(AttentionKind) { return word_list("softmax", "linear", "favor", "rfa", "nystrom"); }

/// Attention by random features.
constexpr bool is_random(AttentionKind kind) { return kind == AttentionKind::favor || kind == AttentionKind::rfa; }

/// How well a recurrent decoder's state s fits to an encoder's state h, j of S. Bahdanau et al. 2015: additive, v'
/// tanh(Wa s + Ua h), with the state before a step. Luong et al. 2015, with the state after it: dot, s'h, general, s'Wa
/// h, concat, v' tanh(Wa [s; h]), location, Wa s alone, local, general within a window about a place that s foretells.
/// scaled-dot: s'h / sqrt(n). none: no alignment, the decoder begins with the encoder's last state (Sutskever et al.
/// 2014).
enum class Align { additive, dot, scaled_dot, general, concat, location, local, none };
constexpr auto words(Align) {
  return word_list("additive", "dot", "scaled-dot", "general", "concat", "location", "local", "none");
}

enum class NormPlace { pre, post, none };  // before a sublayer, or after its sum with the residual
constexpr auto words(NormPlace) { return word_list("pre", "post", "none"); }

// The kinds of norm, one row each: its word, whether it has a bias, and what Norm makes of x.
#define PRIMER_NORM_KINDS(ROW)                           \
  ROW(layer, true, layer_norm(x, weight, bias, epsilon)) \
  ROW(rms, false, rms_norm(x, weight, epsilon))

#define PRIMER_KIND(kind, ...) kind,
enum class NormKind { PRIMER_NORM_KINDS(PRIMER_KIND) };
#undef PRIMER_KIND
#define PRIMER_KIND(kind, ...) std::string_view(#kind),
constexpr auto words(NormKind) { return std::array{PRIMER_NORM_KINDS(PRIMER_KIND)}; }
#undef PRIMER_KIND
#define PRIMER_KIND(kind, bias, ...) bias,
constexpr bool has_bias(NormKind kind) { return std::array{PRIMER_NORM_KINDS(PRIMER_KIND)}[static_cast<int>(kind)]; }
#undef PRIMER_KIND

/// What a sequence is summed up in: BERT's pooler on its first output, [CLS], or the mean of its real outputs.
enum class Pooling { cls, mean };
constexpr auto words(Pooling) { return word_list("cls", "mean"); }

/// The heads of a model, which read what its body makes of the tokens.
struct OutputConfig {
  bool token = true;                 // every output predicts a token
  bool masked = false;               // the outputs of hidden tokens tell what was hidden
  bool tie = true;                   // the projection to tokens is the token embedding
  std::optional<Pooling> pooling{};  // what a sequence is summed up in, for its labels
  long labels = 0;                   // K, classes of a sequence; 0: no such head
};

struct ModelConfig {
  BodyKind body = BodyKind::transformer;
  long vocabulary = 0;            // V, distinct tokens
  long context = 0;               // T, the longest sequence
  long layers = 4;                // blocks; of a recurrent body layers of cells; beside a decoder those of the encoder
  long decoder_layers = 0;        // blocks of a decoder, which reads what the encoder makes of a source; 0: no decoder
  long source_vocabulary = 0;     // distinct tokens of the source, with rows of their own; 0: those of the target
  Align align = Align::additive;  // of a recurrent decoder
  long align_window = 10;         // D, places on either side that local alignment sees
  bool input_feeding = false;     // Luong's decoder reads, beside a token, what it made of the one before
  long heads = 4;                 // H, attention heads in each block
  long kv_heads = 0;              // K, of keys and values, a divisor of H; 0: H
  long head_size = 0;             // D, channels of a head; 0: C / H, and C is a multiple
  AttentionKind attention = AttentionKind::softmax;
  long features = 0;      // M, random features of a query or key; 0: 4 D
  long landmarks = 32;    // of a sequence, at most; for nystrom
  long channels = 128;    // C, width of the residual stream
  long ffn_channels = 0;  // F, hidden width of the feed-forward part; 0: 4 C (8/3 C beside a gate), -1: no such part
  double dropout = 0;     // probability of zeroing, in [0, 1)
  bool bias = false;      // biases in linear and norm layers
  bool causal = true;     // a position sees only itself and earlier ones
  Position position = Position::learned;
  double position_scale = 1;  // of sinusoidal positions
  bool scale_tokens = false;  // token rows are multiplied by sqrt(C), and begin with deviation 1 / sqrt(C)
  double rope_theta = 10000;  // base of rotary positions' angles
  bool qk_norm = false;       // RMS norm of every query and key of self-attention over its head
  NormPlace norm = NormPlace::pre;
  NormKind norm_kind = NormKind::layer;
  double norm_epsilon = 1e-5;  // added to the mean square in every norm
  Activation activation = Activation::gelu;
  long segments = 0;            // S, kinds of segments that an embedding tells apart; 0: none
  bool embedding_norm = false;  // a norm of the embeddings' sum
  double deviation = 0.02;      // of the initial weights: GPT-2's (Radford et al. 2019, section 2.3)
  OutputConfig output = {};

  /// The halves of an encoder-decoder, each as the transformer that it is.
  ModelConfig encoder() const {
    ModelConfig c = *this;
    if (source_vocabulary > 0) c.vocabulary = source_vocabulary;
    c.decoder_layers = c.source_vocabulary = 0;
    c.causal = false;
    return c;
  }
  ModelConfig decoder() const {
    ModelConfig c = *this;
    c.layers = decoder_layers;
    return c;
  }

  /// Of the projections that write to the residual stream, of which there are two a block, three in a decoder: less, as
  /// in GPT-2, where what they write adds up from block to block. After a norm it does not.
  double residual_deviation() const {
    const auto writers = static_cast<double>((decoder_layers > 0 ? 3 : 2) * layers);
    return norm == NormPlace::post ? deviation : deviation / std::sqrt(writers);
  }

  double token_deviation() const { return scale_tokens ? 1 / std::sqrt(static_cast<double>(channels)) : deviation; }

  /// F. A gate is a third matrix: 8/3 C make as many weights as 4 C do without; up to a multiple of 32.
  long hidden() const {
    const long usual = is_gated(activation) ? (8 * channels + 95) / 96 * 32 : 4 * channels;
    return ffn_channels == 0 ? usual : std::max(ffn_channels, 0L);
  }

  long head_channels() const { return head_size > 0 ? head_size : channels / heads; }        // D
  long key_channels() const { return (kv_heads > 0 ? kv_heads : heads) * head_channels(); }  // K D

  /// M: of linear attention D.
  long feature_count() const {
    return !is_random(attention) ? head_channels() : features > 0 ? features : 4 * head_channels();
  }

  /// What a layer keeps of a sequence that goes on, [rows, width]: keys and values of each place, or for each head of
  /// keys the sums of linear attention.
  long kept_rows() const { return attention == AttentionKind::softmax ? context : 1; }
  long kept_width() const {
    if (attention == AttentionKind::softmax) return 2 * key_channels();
    return key_channels() / head_channels() * (feature_count() * (head_channels() + 1) + 2);
  }

  /// Throws Error(usage) on a shape that makes no model.
  void check() const {
    const auto need = [](bool holds, const char* what, long value) {
      if (!holds) autograd::refuse("model", std::string("expected ") + what + ", got " + std::to_string(value));
    };
    need(vocabulary > 0, "a vocabulary of 1 or more", vocabulary);
    need(context > 0, "a context of 1 or more", context);
    need(layers >= 0, "0 layers or more", layers);
    need(channels > 0, "1 channel or more", channels);
    need(decoder_layers >= 0, "0 layers of a decoder or more", decoder_layers);
    need(source_vocabulary >= 0 && (source_vocabulary == 0 || decoder_layers > 0),
         "a vocabulary of the source only beside a decoder", source_vocabulary);
    if (body == BodyKind::transformer) {
      need(head_size >= 0, "a head size of 0 or more", head_size);
      need(heads > 0 && (head_size > 0 || channels % heads == 0), "heads that divide the channels", heads);
      need(kv_heads >= 0 && (kv_heads == 0 || heads % kv_heads == 0), "heads of keys and values that divide the heads",
           kv_heads);
      need(position != Position::rotary || head_channels() % 2 == 0, "an even head size for rotary positions",
           head_channels());
      need(attention != AttentionKind::rfa || causal, "one direction, causal, for attention with a gate", causal);
      need(attention != AttentionKind::nystrom || !causal, "both directions for attention by landmarks", causal);
      need(features >= 0 && (attention != AttentionKind::rfa || features % 2 == 0), "pairs of features", features);
      need(landmarks > 0, "1 landmark or more", landmarks);
      need(decoder_layers == 0 || causal, "one direction, causal, for a decoder", causal);
      need(decoder_layers == 0 || segments == 0, "no segments beside a decoder", segments);
      if (decoder_layers > 0 && attention != AttentionKind::softmax)
        autograd::refuse("model",
                         "expected softmax attention beside a decoder, got " + std::string(autograd::name(attention)));
    } else {
      need(decoder_layers == 0 || layers > 0, "1 layer or more of an encoder", layers);
      need(align_window > 0, "a window of 1 place or more", align_window);
      if (input_feeding && (align == Align::additive || align == Align::none))
        autograd::refuse(
            "model", "expected an alignment of Luong's with input feeding, got " + std::string(autograd::name(align)));
      need(!scale_tokens, "a transformer where token rows are scaled", scale_tokens);
      need(causal, "a recurrent body that reads in one direction, causal", causal);
    }
    need(segments >= 0, "0 segments or more", segments);
    need(output.labels >= 0 && (output.labels == 0 || output.pooling), "labels only with a pooling", output.labels);
    if (!(dropout >= 0 && dropout < 1))
      autograd::refuse("model", "expected dropout in [0, 1), got " + std::to_string(dropout));
  }
};

}  // namespace primer::nn
