// The attention of every layer and head as one HTML page, which needs a browser and nothing else: no network, no other
// file. Its text is in its elements, its weights in blocks of data that its script reads.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace primer::train {

struct PageToken {
  std::string text;  // any bytes; of a special token its name
  bool is_special = false;
  std::string more_class = {}, title = {};  // of its element, if they are given
};

/// The tokens of a text as HTML, each shown by visible_html() among its neighbours; a special one ends the text before
/// it. Between words a line may break.
std::vector<std::string> tokens_html(const std::vector<PageToken>& tokens);

/// What a model expects in a place.
struct PageExpectation {
  double probability = NAN;                               // of the token that stands there; NaN: none, or not known
  std::vector<std::pair<PageToken, double>> likely = {};  // the most probable ones, the most probable first
  long standing = -1;                                     // which of them stands there
};

struct AttentionPage {
  std::string title = {};  // what was asked: the name of a run
  std::string about = {};  // one line on the model
  bool causal = true;      // no token looks at those after it; with sources without meaning
  long layers = 0, heads = 0;
  std::vector<PageToken> tokens = {};          // [T], who looks
  std::vector<PageToken> sources = {};         // [S], what is looked at; none: the tokens themselves, and S is T
  std::vector<float> weights = {};             // [layers, heads, T, S]: how much a token (row) looks at another; 0 to 1
  std::vector<PageExpectation> expected = {};  // [T], or none
  bool expects_next = false;                   // `expected` is of what follows a token, else of its own place
  std::string how_expected = {};               // a sentence on these
  std::vector<std::vector<std::string>> names = {};  // [layers, heads], or none: what a head is called, with the score
  std::string how_named = {};                        // sentences on these
};

/// The steps between 0 and 1 in which a page holds weights.
inline constexpr long weight_steps = 65535;

/// The page. A block of data is a head: base64 of 16-bit integers, low byte first, in steps of 1 / weight_steps; row by
/// row, of a causal model what is on and below the diagonal. A row's running sum is what is rounded, so that the steps
/// of one that sums to 1 sum to weight_steps, and each weight is less than one step off. Sizes that do not fit
/// together: Fault::usage.
std::string attention_page(const AttentionPage& page);

}  // namespace primer::train
