#include "studies/circuits/texts/sums.h"

#include <algorithm>

#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

bool Sums::is_kept(int a, int b) {
  const auto remainder = [](int least, int most) { return autograd::mix(least * 100 + most) % 10; };
  return remainder(std::min(a, b), std::max(a, b)) == remainder(48, 76);
}

data::Batch Sums::batch(std::uint64_t seed, long step, long sequences, Kind kind, bool kept, bool training) {
  data::Batch batch = empty_batch(sequences, length);
  const bool fresh = kind == Kind::fresh || kind == Kind::arbitrary;
  struct Sum {
    int a, b, answer;
  };
  for (long s = 0; s < sequences; ++s) {
    Draws draws("sums", seed, step, s * 4096);
    std::vector<Sum> all;
    while (all.size() < (fresh ? sums : sums / 2)) {
      const int a = 10 + draws.below(90), b = 10 + draws.below(90);
      const auto is_near = [&](const Sum& x) {
        if (fresh) return std::minmax(x.a, x.b) == std::minmax(a, b);
        return x.a / 10 == a / 10 || x.a % 10 == a % 10 || x.b / 10 == b / 10 || x.b % 10 == b % 10;
      };
      if (is_kept(a, b) != kept || std::any_of(all.begin(), all.end(), is_near)) continue;
      int answer = a + b;
      if (kind == Kind::arbitrary) {
        answer = 20 + static_cast<int>(autograd::mix(std::min(a, b) * 1000 + std::max(a, b)) % 179);
      }
      if (kind == Kind::misquoted || kind == Kind::corrected) {
        while (answer == a + b) answer = 20 + draws.below(179);
      }
      all.push_back({a, b, answer});
    }
    if (!fresh) {
      std::vector<Sum> again = all;
      draws.shuffle(std::span(again), again.size());
      for (Sum& one : again) {
        if (kind == Kind::corrected) one.answer = one.a + one.b;
      }
      all.insert(all.end(), again.begin(), again.end());
    }
    int *x = batch.tokens.data() + s * length, *y = batch.targets.data() + s * length;
    x[0] = mark;
    for (long i = 0; i < sums; ++i) {
      const auto [a, b, answer] = all[i];
      const std::array<int, each> text{a / 10,       a % 10,           plus,        b / 10, b % 10, equals,
                                       answer / 100, answer / 10 % 10, answer % 10, end};
      std::copy(text.begin(), text.end(), x + 1 + i * each);
      if (i < sums / 2 && !(training && fresh)) continue;
      for (long k = training && !fresh ? 0 : first_answer; k < first_answer + digits; ++k) {
        y[1 + i * each + k] = text[k + 1];
      }
    }
  }
  return batch;
}

long Sums::earlier(const int* x, long i) {
  const int* sum = x + 1 + i * each;
  for (long j = 0; j < i; ++j) {
    if (std::equal(sum, sum + first_answer, x + 1 + j * each)) return 1 + j * each;
  }
  return -1;
}

double Sums::blind_guess() {
  std::vector<double> counts(199, 0);
  double all = 0;
  for (int a = 10; a < 100; ++a) {
    for (int b = 10; b < 100; ++b) {
      if (!is_kept(a, b)) continue;
      ++counts[a + b];
      ++all;
    }
  }
  return *std::max_element(counts.begin(), counts.end()) / all;
}

}  // namespace primer::studies
