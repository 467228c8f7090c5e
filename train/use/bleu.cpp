#include "train/use/bleu.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/text/unicode.h"

namespace primer::train {

using data::Symbol;

namespace {

// ---- words

/// The white space that Python's str.split() cuts at: Unicode's, and four separators of ASCII.
bool is_space(Symbol s) { return data::class_of(s) == data::SymbolClass::space || (s >= 0x1C && s <= 0x1F); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }

/// The ASCII marks that are always words of their own: all but ' , - and .
bool is_mark(char c) {
  const bool is_ascii_mark = c > ' ' && c < 0x7F && !is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z');
  return is_ascii_mark && std::string_view("',-.").find(c) == std::string_view::npos;
}

/// The blocks that sacrebleu's tokenizer `zh` takes as Chinese: first and last code point. Published scores have
/// U+2001 ... U+2A6D among them, which are dashes, quotation marks, arrows and the like, and have not extension B of
/// the ideographs, which is meant: its source says "\u20000", which Python reads as U+2000 with a 0 behind it.
constexpr std::pair<Symbol, Symbol> chinese[] = {
    {0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A}, {0xFA70, 0xFAD9},
    {0x2001, 0x2A6D}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF}, {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF},
    {0x2FF0, 0x2FFF}, {0x3100, 0x312F}, {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x2600, 0x26FF},
    {0x2700, 0x27BF}, {0x3200, 0x32FF}, {0x3300, 0x33FF}};

bool is_chinese(Symbol s) {
  return std::ranges::any_of(chinese, [s](const auto& block) { return s >= block.first && s <= block.second; });
}

/// The line without white space at its end.
std::string_view trimmed(std::string_view line) {
  std::size_t at = 0, end = 0;
  data::each_symbol(line, [&](Symbol s, int width) {
    at += static_cast<std::size_t>(width);
    if (!is_space(s)) end = at;
  });
  return line.substr(0, end);
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

/// Puts `between` where a byte and the one after it fit: before the first, between the two, or after the second. As
/// with a regular expression, a byte that has fitted is not looked at again.
template <class First, class Second>
std::string spaced(std::string_view text, First first, Second second, bool before, bool after) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool fits = i + 1 < text.size() && first(text[i]) && second(text[i + 1]);
    if (!fits) {
      out += text[i];
      continue;
    }
    if (before) out += ' ';
    out += text[i];
    out += ' ';
    out += text[++i];
    if (after) out += ' ';
  }
  return out;
}

// ---- n-grams

/// A line as numbers: of a word its place among all words met, or code points.
using Numbers = std::u32string;

std::vector<std::u32string_view> ngrams_of(std::u32string_view line, std::size_t n) {
  std::vector<std::u32string_view> all;
  for (std::size_t i = 0; i + n <= line.size(); ++i) all.push_back(line.substr(i, n));
  std::sort(all.begin(), all.end());
  return all;
}

/// Of n-grams g, for one n: how many a hypothesis has, how many its reference has, and how many of them match.
struct Counts {
  std::uint64_t hypothesis = 0, reference = 0, matched = 0;
};

/// matched = sum over g of min(count of g in the hypothesis, count of g in the reference).
Counts count_ngrams(const Numbers& hypothesis, const Numbers& reference, std::size_t n) {
  const auto h = ngrams_of(hypothesis, n), r = ngrams_of(reference, n);
  std::vector<std::u32string_view> both;  // of elements that occur repeatedly, the lesser number
  std::set_intersection(h.begin(), h.end(), r.begin(), r.end(), std::back_inserter(both));
  return {h.size(), r.size(), both.size()};
}

void check_lines(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  if (hypotheses.size() == references.size() && !hypotheses.empty()) return;
  throw autograd::Error(autograd::Fault::usage, "there are " + std::to_string(hypotheses.size()) +
                                                    " translations and " + std::to_string(references.size()) +
                                                    " references; each line needs one of both");
}

}  // namespace

std::vector<std::string> bleu_words(std::string_view line, BleuTokenizer tokenizer) {
  std::string text(trimmed(line));
  switch (tokenizer) {
    case BleuTokenizer::western:
      replace_all(text, "<skipped>", "");
      replace_all(text, "-\n", "");
      replace_all(text, "\n", " ");
      replace_all(text, "&quot;", "\"");
      replace_all(text, "&amp;", "&");  // so that &amp;lt; becomes < in the end
      replace_all(text, "&lt;", "<");
      replace_all(text, "&gt;", ">");
      text = " " + text + " ";
      break;
    case BleuTokenizer::chinese: {
      std::string apart;
      data::each_symbol(text, [&](Symbol s, int) {
        if (is_space(s) && apart.empty()) return;  // white space at the beginning
        apart += is_chinese(s) ? " " + data::symbol_bytes(s) + " " : data::symbol_bytes(s);
      });
      text = std::move(apart);
      break;
    }
  }
  std::string apart;
  for (const char c : text) apart += is_mark(c) ? std::string{' ', c, ' '} : std::string{c};
  const auto no_digit = [](char c) { return !is_digit(c); };
  apart = spaced(apart, no_digit, is_point, false, true);  // "a." -> "a . "
  apart = spaced(apart, is_point, no_digit, true, false);  // ".a" -> " . a"
  apart = spaced(
      apart, is_digit, [](char c) { return c == '-'; }, false, true);  // "9-" -> "9 - "
  std::vector<std::string> words;
  bool in_word = false;
  data::each_symbol(apart, [&](Symbol s, int) {
    if (!is_space(s)) {
      if (!in_word) words.emplace_back();
      data::append_symbol(words.back(), s);
    }
    in_word = !is_space(s);
  });
  return words;
}

Bleu corpus_bleu(std::span<const std::string> hypotheses, std::span<const std::string> references,
                 BleuTokenizer tokenizer) {
  check_lines(hypotheses, references);
  std::unordered_map<std::string, char32_t> places;  // of the words met
  const auto numbers_of = [&](const std::string& line) {
    Numbers numbers;
    for (std::string& word : bleu_words(line, tokenizer)) {
      numbers += places.try_emplace(std::move(word), static_cast<char32_t>(places.size())).first->second;
    }
    return numbers;
  };
  Bleu bleu;
  std::array<Counts, Bleu::longest> counts;  // of all lines
  for (std::size_t line = 0; line < hypotheses.size(); ++line) {
    const Numbers hypothesis = numbers_of(hypotheses[line]), reference = numbers_of(references[line]);
    bleu.words += hypothesis.size();
    bleu.reference_words += reference.size();
    for (std::size_t n = 1; n <= Bleu::longest; ++n) {
      const Counts of_line = count_ngrams(hypothesis, reference, n);
      counts[n - 1].hypothesis += of_line.hypothesis;
      counts[n - 1].matched += of_line.matched;
    }
  }

  // brevity penalty = 1 where the hypotheses' length c is at least that of the references, r; else exp(1 - r / c)
  const auto c = static_cast<double>(bleu.words), r = static_cast<double>(bleu.reference_words);
  bleu.brevity_penalty = c >= r ? 1 : c == 0 ? 0 : std::exp(1 - r / c);

  // p_n = 100 matched_n / hypothesis_n. Where nothing matches, the k-th such n has 100 / (2^k hypothesis_n) instead:
  // the smoothing "exp", that of mteval-v13a. Where no n-gram is so long, or not even a word matches, p_n is 0.
  // score = brevity penalty * exp(1/4 sum over n of ln p_n)
  const bool any = std::ranges::any_of(counts, [](const Counts& of_n) { return of_n.matched > 0; });
  double logarithms = 0, halved = 1;
  for (std::size_t n = 0; n < Bleu::longest; ++n) {
    double& p = bleu.precisions[n];
    if (any && counts[n].hypothesis > 0) {
      const double matched = counts[n].matched > 0 ? static_cast<double>(counts[n].matched) : halved /= 2;
      p = 100 * matched / static_cast<double>(counts[n].hypothesis);
    }
    logarithms += std::log(p);  // of 0: minus infinity, whose exponential is 0
  }
  bleu.score = bleu.brevity_penalty * std::exp(logarithms / Bleu::longest);
  return bleu;
}

std::string bleu_signature(BleuTokenizer tokenizer) {
  return "nrefs:1|case:mixed|eff:no|tok:" + std::string(autograd::name(tokenizer)) + "|smooth:exp";
}

double corpus_chrf(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  check_lines(hypotheses, references);
  constexpr std::size_t longest = 6;  // characters of an n-gram
  constexpr double beta = 2;          // how much more recall counts than precision
  const auto numbers_of = [](const std::string& line) {
    Numbers numbers;
    data::each_symbol(line, [&](Symbol s, int) {
      if (!is_space(s)) numbers += static_cast<char32_t>(s);
    });
    return numbers;
  };
  std::array<Counts, longest> counts;  // of all lines
  for (std::size_t line = 0; line < hypotheses.size(); ++line) {
    const Numbers hypothesis = numbers_of(hypotheses[line]), reference = numbers_of(references[line]);
    for (std::size_t n = 1; n <= longest; ++n) {
      const Counts of_line = count_ngrams(hypothesis, reference, n);
      if (of_line.reference > 0) counts[n - 1].hypothesis += of_line.hypothesis;  // as sacrebleu counts
      counts[n - 1].reference += of_line.reference;
      counts[n - 1].matched += of_line.matched;
    }
  }

  // P = mean over n of matched_n / hypothesis_n, R = mean over n of matched_n / reference_n, over those n that both
  // have chrF = 100 (1 + beta^2) P R / (beta^2 P + R)
  double precision = 0, recall = 0;
  int orders = 0;
  for (const Counts& of_n : counts) {
    if (of_n.hypothesis == 0 || of_n.reference == 0) continue;
    precision += static_cast<double>(of_n.matched) / static_cast<double>(of_n.hypothesis);
    recall += static_cast<double>(of_n.matched) / static_cast<double>(of_n.reference);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + beta * beta) * precision * recall / (beta * beta * precision + recall);
}

}  // namespace primer::train
