// What one layer of attention knows is skip-trigrams, [source] ... [destination] -> [out]: a head looks from one token
// at another and raises what that one says. "Doctor Ashford ... Doctor" -> Ashford is one, and it needs no copying by
// place; "keep ... in" -> mind and "keep ... at" -> bay are two, and a head that looks from both raises both from both.
#include <algorithm>
#include <cmath>

#include "studies/circuits/doctor.h"
#include "studies/circuits/probes.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

using train::Head, train::Matrix;

constexpr long heads = 4;

Net<float> trained(Lab& lab, long layers, std::uint64_t seed) {
  lab.at(std::to_string(layers) + (layers == 1 ? " layer" : " layers") + ", seed " + std::to_string(seed));
  Net<float> net({.vocabulary = Doctor::vocabulary,
                  .context = Doctor::length,
                  .layers = layers,
                  .heads = heads,
                  .channels = 64,
                  .ffn_channels = -1,
                  .position = nn::Position::qk,
                  .norm = nn::NormPlace::none,
                  .deviation = 0.1,
                  .output = {.tie = false}},
                 seed);
  fit<float>(
      net, {.steps = lab.steps(std::getenv("STEPS") ? atol(std::getenv("STEPS")) : 2000), .seed = seed, .after = [](long s) { if (s % 250 == 0) fprintf(stderr, "step %ld\n", s); }}, [&](long step) { return Doctor::documents(seed, step, 64); },
      lab.interruption);
  return net;
}

std::vector<double> p_of(const nn::Model<float>& model, const data::Batch& batch) {
  std::vector<double> p;
  for (const Judged& one : judge(model, batch)) p.push_back(std::exp(-one.nll));
  return p;
}
double mean(const std::vector<double>& v) { return mean_of(v, "items").mean; }

void run(Lab& lab) {
  for (const std::uint64_t seed : lab.seeds()) {
    for (long layers = atol(getenv("LAYERS")); layers < 3; layers += 9) {
      const Net<float> net = trained(lab, layers, seed);
      for (const auto kind : {Doctor::Asked::own, Doctor::Asked::any, Doctor::Asked::unseen}) {
        const auto a = p_of(net.model, Doctor::questions(kind, seed, 500));
        const auto b = p_of(net.model, Doctor::questions(kind, seed, 500, true));
        double lift = 0;
        for (size_t i = 0; i < a.size(); ++i) lift += std::log(a[i] / b[i]) / a.size();
        printf("layers %ld kind %d p %.3f swapped %.3f lift %.3f\n", layers, int(kind), mean(a), mean(b), lift);
      }
      double loss = 0; long n = 0;
      for (const Judged& one : judge(net.model, Doctor::documents(seed + 1000000, 0, 100))) loss += one.nll, ++n;
      printf("loss %.4f\n", loss / n);
      for (const int prep : {Doctor::in, Doctor::at}) for (const int verb : {0, 1}) {
        const data::Batch q = Doctor::idioms(Doctor::keep + verb, prep, seed, 200);
        const auto logits = logits_of(net.model, q);
        std::vector<double> ps(Doctor::vocabulary, 0);
        for (const Judged& one : judge(net.model, q)) {
          const float* row = logits.data() + one.place * Doctor::vocabulary;
          double s = 0;
          for (int v = 0; v < Doctor::vocabulary; ++v) s += std::exp(row[v]);
          for (int v = 0; v < Doctor::vocabulary; ++v) ps[v] += std::exp(row[v]) / s / 200;
        }
        printf("verb %d prep %s: mind %.4f bay %.4f town %.4f\n", verb, Doctor::word(prep).c_str(), ps[Doctor::mind], ps[Doctor::bay], ps[Doctor::bay + 1]);
      }
      if (layers == 1) for (long h = 0; h < heads; ++h) {
        const Matrix ov = raised_by(net.model, {0, h});
        const auto pat = train::patterns_of(net.model, Doctor::idioms(Doctor::keep, Doctor::in, seed, 50));
        const auto pat2 = train::patterns_of(net.model, Doctor::idioms(Doctor::keep, Doctor::at, seed, 50));
        const long t = 1 + 15 + 3;
        double a = 0, a2 = 0;
        for (long b = 0; b < 50; ++b) a += pat[0][((b * heads + h) * 64 + t) * 64 + t - 2] / 50, a2 += pat2[0][((b * heads + h) * 64 + t) * 64 + t - 2] / 50;
        double m = 0; for (int v = 0; v < Doctor::vocabulary; ++v) m += ov(Doctor::keep, v) / Doctor::vocabulary;
        printf("head %ld pos %.3f keep->mind %.2f bay %.2f town %.2f; in looks at keep %.3f at %.3f\n", h, train::ov_positivity(net.model, {0, h}), ov(Doctor::keep, Doctor::mind) - m, ov(Doctor::keep, Doctor::bay) - m, ov(Doctor::keep, Doctor::bay + 1) - m, a, a2);
      }
    }
  }
}

}  // namespace

const Study skip_trigrams{"skip-trigrams", "circuits", "One layer of attention is a sum of skip-trigrams.",
                          "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits, One-Layer Attention-Only Transformers", 3, run};

}  // namespace primer::studies
