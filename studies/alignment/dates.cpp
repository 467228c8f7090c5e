// A recurrent decoder that attends reads dates in eight ways of writing, character by character, and writes them in
// one. A date of the test was never read in any of them.
#include <array>

#include "studies/alignment/learner.h"
#include "studies/alignment/written_dates.h"
#include "studies/studies.h"

namespace primer::studies {

using nn::Align;

namespace {

constexpr std::size_t forms = std::size(date_forms);

/// Makes the decoder look at the first place of its source, whatever it says.
struct FirstPlace : autograd::Observer<float> {
  bool wants(std::string_view path, std::string_view leaf) override { return path == "alignment" && leaf == "pattern"; }
  autograd::Tensor<float> see(std::string_view, std::string_view, autograd::Tensor<float> x) override {
    std::vector<float> shares(static_cast<std::size_t>(x.size()), 0);
    for (long row = 0; row < x.size(); row += x.shape.last()) shares[static_cast<std::size_t>(row)] = 1;
    return x.tape->constant(x.shape, shares);
  }
};

void run(Lab& lab) {
  std::array<Tally, forms> by_form;
  lab.each_seed([&](std::uint64_t seed) {
    const std::vector<Pair> pairs = pairs_of(written_dates, seed, 0, lab.size(2000, 40), true);
    for (const Align align : {Align::additive, Align::none}) {
      const std::string name(autograd::name(align));
      lab.at(name);
      Net<float> net(recurrent_shape(written_dates, align, 64), seed);
      learn(net, written_dates,
            {.fit = {.steps = lab.steps(1000), .lr = 5e-3, .weight_decay = 0, .seed = seed}, .batch = lab.size(64, 4)},
            lab);
      const std::vector<double> right = exactly_right(net, pairs);
      lab.claim(name + ": dates exactly right", right, align == Align::none ? at_most(0.5) : at_least(0.97));
      if (align == Align::none) continue;
      for (std::size_t form = 0; form < forms; ++form) {
        std::vector<double> some;
        for (std::size_t b = 0; b < pairs.size(); ++b)
          if (pairs[b].form == static_cast<int>(form)) some.push_back(right[b]);
        by_form[form].add(some);
      }
      FirstPlace first;
      const std::vector<double> blind = correct(net.model, batch_of(pairs), &first);
      std::vector<double> exact;
      for (const double share : blind) exact.push_back(share == 1);
      lab.claim("the same, made to look at the first character", exact, at_most(0.05));
      const Looks looks = looks_of(net, pairs, "alignment");
      lab.figure("digits that are written: aligned right", agreement(looks, pairs, every_word));
      lab.figure("the same, or one place beside", agreement(looks, pairs, every_word, {.off = 1}));
      if (seed == 1)
        lab.picture(picture_of({"Where the decoder looks at a date",
                                "A row is a character to be said, a column one that was read. Seed 1, the first kept "
                                "date."},
                               looks, written_dates, pairs, 0));
    }
  });
  std::vector<train::Bar> bars;
  for (std::size_t form = 0; form < forms; ++form) {
    const Estimate found = by_form[form].estimate("dates");
    lab.figure(std::string("written as ") + date_forms[form], found);
    bars.push_back(bar_of(date_forms[form], found));
  }
  lab.picture(train::bar_chart({"Dates that are exactly right", "By the form in which they are written."},
                               {.name = "exactly right", .low = 0, .high = 1}, bars));
  lab.note(
      "The model of the study alignment, with additive alignment and with none: 1000 steps of 64 new dates of 1900 to "
      "2099. A tenth of the days is never read, and 2000 such dates are the test. The decoder goes on from its own "
      "characters. A digit is aligned right where the same digit stands that it is made of; months that are named and "
      "zeros that are not written have no such place.");
}

}  // namespace

const Study dates{"dates",
                  "alignment",
                  "A decoder that attends rewrites dates of eight forms, also days that it never read.",
                  "Bahdanau, Cho & Bengio 2015",
                  0.5,
                  run};

}  // namespace primer::studies
