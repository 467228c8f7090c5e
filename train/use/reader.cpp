#include "train/use/reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/error.h"
#include "autograd/kernels/rows.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/softmax.h"
#include "data/bytes/utf8.h"
#include "data/examples/text_form.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// What a model says must be numbers.
const autograd::Tensor<float>& numbers(const autograd::Tensor<float>& x) {
  if (autograd::any_not_finite(x.data(), x.size())) {
    throw Error(Fault::checkpoint, "the model's output is not a number: its parameters are broken");
  }
  return x;
}

// Row k of logits [rows, V].
std::span<const float> row_of(const autograd::Tensor<float>& logits, long k) {
  const long V = logits.shape[1];
  return {logits.data() + k * V, static_cast<std::size_t>(V)};
}

}  // namespace

Expectation expectation(std::span<const float> logits, int id, long top, const std::vector<bool>& never) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  std::vector<Filling> all;  // of what may stand there; p times `total`
  for (int i = 0; const float logit : logits) {
    const double p = std::exp(logit - largest);
    total += p;
    if (top > 0 && (never.empty() || !never[static_cast<std::size_t>(i)])) all.push_back({i, p});
    ++i;
  }
  const auto end = all.begin() + std::min(top, static_cast<long>(all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](const Filling& a, const Filling& b) {
    return a.probability > b.probability || (a.probability == b.probability && a.id < b.id);
  });
  all.erase(end, all.end());
  for (Filling& one : all) one.probability /= total;
  const double log_p = id < 0 ? NAN : logits[static_cast<std::size_t>(id)] - largest - std::log(total);
  return {log_p, std::move(all)};
}

std::vector<int> segments_of(const LoadedRun& run, std::span<const int> ids) {
  if (!run.config.next_sentence) return {};
  std::vector<int> segments(ids.size(), 0);
  const auto end = std::find(ids.begin(), ids.end(), data::need_special(*run.tokenizer, "[SEP]"));
  for (auto i = end - ids.begin() + 1; i < static_cast<std::ptrdiff_t>(ids.size()); ++i)
    segments[static_cast<std::size_t>(i)] = 1;
  return segments;
}

void Reader::refuse(const std::string& why) const {
  throw Error(Fault::input, data::printable(run_.paths.directory) +
                                " holds a model that was trained with --objective " +
                                std::string(run_.config.objective->name()) + " and " + why);
}

const nn::MaskedHead<float>& Reader::masked() const {
  if (!run_.network->masked) refuse("fills no gaps");
  return *run_.network->masked;
}

std::vector<int> Reader::ids(std::string_view text, bool specials, bool* cut) const {
  const data::Tokenizer& tokenizer = *run_.tokenizer;
  std::vector<int> ids = run_.encode(text, specials);
  const bool framed = run_.config.objective->frames();
  const long room = run_.config.context - (framed ? 2 : 0);
  if (static_cast<long>(ids.size()) > room) {
    if (!cut) {
      throw Error(Fault::input, "the text has " + std::to_string(ids.size()) + " tokens, and the model reads " +
                                    std::to_string(room) + " at once");
    }
    *cut = true;
    ids.resize(static_cast<std::size_t>(room));
  }
  if (framed) {
    ids.insert(ids.begin(), data::need_special(tokenizer, "[CLS]"));
    ids.push_back(data::need_special(tokenizer, "[SEP]"));
  }
  return ids;
}

nn::Sequences Reader::batch_of(std::span<const std::vector<int>> texts) {
  std::size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  tokens_.assign(texts.size() * longest, 0);
  segments_.assign(run_.config.next_sentence ? tokens_.size() : 0, 0);
  lengths_.clear();
  for (std::size_t b = 0; b < texts.size(); ++b) {
    const auto row = static_cast<std::ptrdiff_t>(b * longest);
    std::ranges::copy(texts[b], tokens_.begin() + row);
    if (!segments_.empty()) std::ranges::copy(segments_of(run_, texts[b]), segments_.begin() + row);
    lengths_.push_back(static_cast<int>(texts[b].size()));
  }
  return {tokens_, static_cast<long>(texts.size()), static_cast<long>(longest), lengths_, segments_};
}

std::vector<std::vector<Filling>> Reader::fill(std::span<const int> ids, long top) {
  const nn::MaskedHead<float>& head = masked();
  const int mask = data::need_special(*run_.tokenizer, "[MASK]");
  std::vector<int> places;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == mask) places.push_back(static_cast<int>(i));
  }
  if (places.empty()) throw Error(Fault::input, "there is no [MASK] in the text");

  const auto pause = tape_.pause();
  const std::vector<int> text(ids.begin(), ids.end());
  const nn::Sequences in = batch_of({&text, 1});
  const long length = in.length;
  const autograd::Tensor<float> x = run_.network->hidden(tape_, in);  // [1, T, C]
  const autograd::Tensor<float> rows =
      autograd::gather<float>(tape_, reshape(x, {length, x.shape[2]}), std::span<const int>(places));
  const autograd::Tensor<float> logits = numbers(head(rows).logits());  // [places, V]
  const long V = logits.shape[1];
  std::vector<bool> is_special(static_cast<std::size_t>(V));
  for (const auto& [name, id] : run_.tokenizer->specials()) is_special[static_cast<std::size_t>(id)] = true;
  std::vector<std::vector<Filling>> all;
  for (std::size_t k = 0; k < places.size(); ++k) {
    all.push_back(expectation(row_of(logits, static_cast<long>(k)), -1, top, is_special).likely);
  }
  return all;
}

void Reader::expect_at(const nn::Sequences& in, std::span<const Place> places, long top) {
  const nn::Model<float>& model = *run_.network;
  const auto pause = tape_.pause();
  const autograd::Tensor<float> x = model.hidden(tape_, in);  // [B, T, C]
  const autograd::Tensor<float> outputs = reshape(x, {x.shape.rows(), x.shape[2]});
  constexpr std::size_t most_rows = 64;
  for (std::size_t first = 0; first < places.size(); first += most_rows) {
    const auto inner = tape_.pause();  // gives the logits' memory back
    const auto some = places.subspan(first, std::min(most_rows, places.size() - first));
    std::vector<int> rows;
    for (const Place& place : some) rows.push_back(static_cast<int>(place.row));
    const autograd::Tensor<float> at = autograd::gather<float>(tape_, outputs, std::span<const int>(rows));
    const autograd::Tensor<float> logits =
        numbers((model.masked ? (*model.masked)(at) : (*model.token)(at)).logits());  // [rows, V]
    for (std::size_t k = 0; k < some.size(); ++k)
      *some[k].found = expectation(row_of(logits, static_cast<long>(k)), some[k].id, top);
  }
}

std::vector<Expectation> Reader::expect(std::span<const std::vector<int>> texts, std::span<const long> places,
                                        long top) {
  (void)masked();
  const int mask = data::need_special(*run_.tokenizer, "[MASK]");
  const nn::Sequences in = batch_of(texts);
  std::vector<Expectation> result(texts.size());
  std::vector<Place> masks;
  for (std::size_t b = 0; b < texts.size(); ++b) {
    const long row = static_cast<long>(b) * in.length + places[b];
    masks.push_back({row, std::exchange(tokens_[static_cast<std::size_t>(row)], mask), &result[b]});
  }
  expect_at(in, masks, top);
  return result;
}

std::vector<std::vector<Expectation>> Reader::expect(std::span<const std::vector<int>> texts, long top) {
  const bool fills = run_.network->masked.has_value();
  if (!fills && !run_.config.objective->writes()) refuse("expects no tokens; primer eval measures it");
  std::vector<std::vector<Expectation>> all;
  std::size_t longest = 0;
  for (const auto& ids : texts) {
    all.emplace_back(ids.size());
    longest = std::max(longest, ids.size());
  }
  if (!fills && static_cast<long>(longest) <= run_.config.context) {
    const nn::Sequences in = batch_of(texts);
    std::vector<Place> places;  // the output of a token expects the next one
    for (std::size_t b = 0; b < texts.size(); ++b)
      for (std::size_t t = 1; t < texts[b].size(); ++t)
        places.push_back({static_cast<long>(b) * in.length + static_cast<long>(t) - 1, texts[b][t], &all[b][t]});
    if (!places.empty()) expect_at(in, places, top);
    return all;
  }
  for (std::size_t b = 0; b < texts.size(); ++b)
    fills ? expect_masked(texts[b], top, all[b]) : expect_windows(texts[b], top, all[b]);
  return all;
}

void Reader::expect_windows(std::span<const int> ids, long top, std::span<Expectation> all) {
  const long T = static_cast<long>(ids.size()), context = run_.config.context;
  constexpr long whole = 1 << 14;  // a body that needs no windows reads so many tokens at once, for the memory's sake
  const long C = run_.network->body->is_bounded() ? context : std::max(context, whole), kept = std::max(C / 2, 1L);
  for (long done = 0; done + 1 < T;) {  // of token `done` and those before it all is known
    const long begin = std::max(done + 1 - kept, 0L), n = std::min(C, T - 1 - begin);
    std::vector<Place> places;
    while (done < begin + n) {
      const auto next = static_cast<std::size_t>(++done);
      places.push_back({done - 1 - begin, ids[next], &all[next]});
    }
    const auto window = ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(n));
    expect_at({.tokens = window, .batch = 1, .length = n}, places, top);
  }
}

void Reader::expect_masked(std::span<const int> ids, long top, std::span<Expectation> all) {
  const auto at_once = static_cast<std::size_t>(std::max(1L, 8192 / std::max(run_.config.context, 1L)));
  std::vector<long> places;
  for (std::size_t i = 0; i <= ids.size(); ++i) {
    if (i < ids.size() && run_.tokenizer->special(run_.tokenizer->token_text(ids[i])) != ids[i])
      places.push_back(static_cast<long>(i));
    if (places.empty() || (i < ids.size() && places.size() < at_once)) continue;
    const std::vector<std::vector<int>> texts(places.size(), {ids.begin(), ids.end()});
    std::vector<Expectation> some = expect(texts, places, top);
    for (std::size_t k = 0; k < places.size(); ++k) all[static_cast<std::size_t>(places[k])] = std::move(some[k]);
    places.clear();
  }
}

std::vector<float> Reader::embed(std::span<const std::vector<int>> texts, Summary summary) {
  if (run_.config.objective->translates()) refuse("reads a source beside every text");
  const auto pause = tape_.pause();
  const nn::Sequences in = batch_of(texts);
  const autograd::Tensor<float> x = run_.network->hidden(tape_, in);  // [B, T, C]
  if (summary == Summary::cls) {
    const auto& head = run_.network->label;
    if (!head || !head->pooler) refuse("has no pooler; leave --pooling out");
    const autograd::Tensor<float> y = numbers(head->pooled(x));
    return {y.data(), y.data() + y.size()};
  }
  const autograd::Tensor<float> y = numbers(nn::mean_of_real(x, in.lengths));
  return {y.data(), y.data() + y.size()};
}

std::vector<double> Reader::classify(std::span<const std::vector<int>> texts) {
  if (run_.labels.empty()) refuse("has no classes");
  const nn::LabelHead<float>& head = *run_.network->label;
  const auto pause = tape_.pause();
  const nn::Sequences in = batch_of(texts);
  const autograd::Tensor<float> logits = head(run_.network->hidden(tape_, in), in.lengths).logits();  // [B, K]
  const autograd::Tensor<float> p = numbers(softmax(logits));
  return {p.data(), p.data() + p.size()};
}

}  // namespace primer::train
