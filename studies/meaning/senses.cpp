#include "studies/meaning/senses.h"

#include <algorithm>
#include <cmath>

#include "autograd/tape.h"
#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"
#include "train/step/model.h"

namespace primer::studies {

using train::Matrix;

data::Batch Senses::batch(std::uint64_t seed, long step, long sequences, const Kind& kind, Asked asked) {
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    const long i = step * sequences + b;
    Draws draws("senses", seed, i);
    int *x = batch.tokens.data() + b * length, *y = batch.targets.data() + b * length;
    x[0] = mark;
    for (long t = 1; t < length; ++t) x[t] = first_filler + draws.below(fillers);
    const bool is_after = kind.after < 0 ? draws.below(2) == 1 : kind.after == 1;
    const long gap = kind.gap < 0 ? draws.below(farthest + 1) : kind.gap;
    const int cue = kind.half < 0 ? draws.below(cues) : kind.half * cues / 2 + draws.below(cues / 2);
    x[is_after ? place + 2 + gap : place - 1 - gap] = first_cue + topic(word_of(i), sense_of(i)) * cues + cue;
    x[place] = first_word + word_of(i);
    const int next = first_of(word_of(i), sense_of(i)) + draws.below(continuations);
    x[place + 1] = asked == Asked::next ? next : hidden;
    y[asked == Asked::gap ? place + 1 : place] = next;
  }
  return batch;
}

Matrix vectors_of_words(const nn::Model<float>& model, const data::Batch& batch) {
  autograd::Tape<float> tape;
  const auto pause = tape.pause();
  const auto x = model.hidden(tape, train::part_of(batch, 0, batch.sequences).sequences);  // [B, T, C]
  const long C = x.shape[2];
  Matrix vectors = train::zeros(batch.sequences, C);
  for (long b = 0; b < batch.sequences; ++b) {
    std::copy_n(x.data() + (b * batch.length + Senses::place) * C, C, vectors.row(b));
  }
  return vectors;
}

std::vector<double> sense_probed(const Matrix& a, const Matrix& b) {
  const long C = a.columns;
  std::vector<double> right(b.rows);
  for (int word = 0; word < Senses::words; ++word) {
    std::vector<double> middle(C, 0), weights(C, 0);
    double bias = 0, longest = 0;
    for (long i = word; i < a.rows; i += Senses::words) {
      for (long c = 0; c < C; ++c) middle[c] += a(i, c) * Senses::words / a.rows;
    }
    const auto centred = [&](const Matrix& from, long i) {
      std::vector<double> x(from.row(i), from.row(i) + C);
      for (long c = 0; c < C; ++c) x[c] -= middle[c];
      return x;
    };
    std::vector<std::vector<double>> rows;
    for (long i = word; i < a.rows; i += Senses::words) {
      rows.push_back(centred(a, i));
      longest = std::max(longest, train::dot(rows.back().data(), rows.back().data(), C));
    }
    const double rate = 4 / (longest + 1) / rows.size();  // the loss bends by at most |x|^2 / 4
    for (int step = 0; step < 300; ++step) {
      std::vector<double> rise(C, 0);
      double rise_of_bias = 0;
      for (std::size_t n = 0; n < rows.size(); ++n) {
        const int sense = Senses::sense_of(word + static_cast<long>(n) * Senses::words);
        const double missing = sense - 1 / (1 + std::exp(-bias - train::dot(rows[n].data(), weights.data(), C)));
        for (long c = 0; c < C; ++c) rise[c] += missing * rows[n][c];
        rise_of_bias += missing;
      }
      for (long c = 0; c < C; ++c) weights[c] += rate * rise[c];
      bias += rate * rise_of_bias;
    }
    for (long i = word; i < b.rows; i += Senses::words) {
      const double said = bias + train::dot(centred(b, i).data(), weights.data(), C);
      right[i] = said == 0 ? 0.5 : (said > 0) == (Senses::sense_of(i) == 1);
    }
  }
  return right;
}

Apart senses_apart(Matrix vectors) {
  const long B = vectors.rows, C = vectors.columns, each = B / (2 * Senses::words);
  std::vector<double> middle(C, 0);
  for (long i = 0; i < B * C; ++i) middle[i % C] += vectors.values[i] / B;
  Matrix sums = train::zeros(2 * Senses::words, C);  // of unit vectors of a word and sense: i mod 40
  for (long i = 0; i < B; ++i) {
    double* x = vectors.row(i);
    for (long c = 0; c < C; ++c) x[c] -= middle[c];
    const double length = std::sqrt(train::dot(x, x, C));
    for (long c = 0; c < C; ++c) sums(i % sums.rows, c) += x[c] / length;
  }
  Apart apart{0, 0};
  for (int word = 0; word < Senses::words; ++word) {
    const double *p = sums.row(word), *q = sums.row(word + Senses::words);
    apart.between += (1 - train::dot(p, q, C) / (each * each)) / Senses::words;
    for (const double* one : {p, q}) {  // pairs of two sentences: each (each - 1) of the |sum|^2 = each + ...
      apart.within += (1 - (train::dot(one, one, C) - each) / (each * (each - 1))) / (2 * Senses::words);
    }
  }
  return apart;
}

}  // namespace primer::studies
