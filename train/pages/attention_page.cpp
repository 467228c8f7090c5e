#include "train/pages/attention_page.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>

#include "autograd/error.h"
#include "train/pages/embedded.h"
#include "train/pages/page.h"
#include "train/pages/visible_html.h"

namespace primer::train {

namespace {

constexpr const char* overview = R"html(<section>
<h2>All heads: a row is a layer, a column a head</h2>
<div id="overview"></div>
<p class="hint">Each picture has a row for every token that looks and a column for every token that is looked at. Layers,
heads and tokens are counted from 0; mean is the mean of a layer's heads, or of all. Click one, or move with the arrow keys.
All are on one scale, so that they can be compared: full colour is the largest weight of all heads)html";

constexpr const char* overview_end = R"html(</section>
<section>
<div class="bar">
<h2><span id="which"></span> <span id="called"></span></h2>
)html";

// Of one text, whose tokens look and are looked at.
constexpr const char* directions = R"html(<fieldset>
<label><input type="radio" name="direction" id="forward" checked> where a token looks</label>
<label><input type="radio" name="direction" id="backward"> who looks at it</label>
</fieldset>
)html";

constexpr const char* main_end = R"html(<p id="said" role="status"></p>
<div class="pair">
<div>
<div class="map"><canvas id="map" role="img" aria-label="the weights of this head as a map"></canvas></div>
<div id="legend"><canvas></canvas><span></span><span></span><span></span><span></span><span></span></div>
<p class="hint" id="full"></p>
</div>
<div>
<table id="expected" hidden><caption></caption></table>
<table id="strongest"><caption id="direction"></caption></table>
</div>
</div>
<p class="hint">Hover a token, or use the arrow keys; a click or Enter pins it, and then a second token shows the weight
between both; Escape lets it go. <span id="pinned" hidden>A token is pinned.</span></p>
)html";

// Base64 of 16-bit numbers. RFC 4648, section 4.
class Base64 {
 public:
  explicit Base64(std::string& out) : out_(out) {}

  void add(long number) {
    add_byte(static_cast<unsigned>(number) & 0xFF);
    add_byte(static_cast<unsigned>(number) >> 8 & 0xFF);
  }

  void finish() {
    const int missing = count_ == 0 ? 0 : 3 - count_;
    for (int i = 0; i < missing; ++i) add_byte(0);
    for (int i = 0; i < missing; ++i) out_[out_.size() - static_cast<std::size_t>(i) - 1] = '=';
  }

 private:
  void add_byte(unsigned byte) {
    constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bits_ = bits_ << 8 | byte;
    if (++count_ < 3) return;
    for (const int shift : {18, 12, 6, 0}) out_ += digits[bits_ >> shift & 63];
    bits_ = 0;
    count_ = 0;
  }

  std::string& out_;
  unsigned bits_ = 0;
  int count_ = 0;  // bytes in bits_
};

// The weights [T, S] of a head.
void append_head(std::string& html, const float* weights, long T, long S, bool causal) {
  html += "<script type=\"text/plain\" class=\"weights\">";
  Base64 numbers(html);
  for (long from = 0; from < T; ++from) {
    const long seen = causal ? from + 1 : S;
    double sum = 0;
    long before = 0;
    for (long to = 0; to < seen; ++to) {
      sum += weights[from * S + to];
      const long now = std::lround(sum * weight_steps);
      numbers.add(now - before);
      before = now;
    }
  }
  numbers.finish();
  html += "</script>\n";
}

// A text token by token. What a page has two of has a heading.
std::string text_html(const std::string& id, const std::string& name, std::string_view heading,
                      const std::vector<PageToken>& tokens) {
  std::string html;
  if (!heading.empty()) html += "<h3>" + std::string(heading) + "</h3>\n";
  html += "<div id=\"" + id + "\" class=\"text\" role=\"listbox\" tabindex=\"0\" aria-label=\"the " + name +
          ", token by token\">";
  for (const std::string& token : tokens_html(tokens)) html += token;
  return html + "</div>\n";
}

// What is expected: each token that is, once, and a list of numbers for each place, [p of what stands there, or null;
// which of the following that is, or -1; token, p; token, p; ...].
std::string expected_html(const AttentionPage& page) {
  std::map<std::string, std::size_t> places;
  std::string tokens, numbers;
  char number[32];
  for (std::size_t t = 0; t < page.expected.size(); ++t) {
    const PageExpectation& one = page.expected[t];
    std::snprintf(number, sizeof number, "%.6g", one.probability);
    numbers += std::string(t == 0 ? "[" : ",[") + (std::isfinite(one.probability) ? number : "null") + "," +
               std::to_string(one.standing);
    const std::size_t end = page.expects_next ? t + 1 : t;
    std::size_t begin = end;  // a character has at most three tokens before its last one
    while (begin > 0 && begin + 3 > end && !page.tokens[begin - 1].is_special) --begin;
    for (const auto& [token, probability] : one.likely) {
      std::vector<PageToken> run(page.tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                                 page.tokens.begin() + static_cast<std::ptrdiff_t>(end));
      run.push_back(token);
      const auto [place, is_new] = places.try_emplace(tokens_html(run).back(), places.size());
      if (is_new) tokens += place->first;
      std::snprintf(number, sizeof number, ",%zu,%.6g", place->second, probability);
      numbers += number;
    }
    numbers += "]";
  }
  return "<div id=\"likely\" hidden>" + tokens + "</div>\n<script type=\"application/json\" id=\"expectations\">[" +
         numbers + "]</script>\n";
}

// The names of a head, and their first letters.
std::string names_html(const std::vector<std::string>& names) {
  std::string all, signs;
  for (const std::string& name : names) {
    all += (all.empty() ? "" : ", ") + name;
    signs += static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  }
  return "<span title=\"" + escape_html(visible_text(all)) + "\">" + escape_html(signs) + "</span>";
}

// The largest weight of all heads. Of a causal model the first rows do not count, `few`: they share out among few
// tokens what others share out among many, so that theirs are large in every head.
double largest_weight(const AttentionPage& page, long T, long S, long few) {
  float most = 0;
  for (long row = 0; row < page.layers * page.heads * T; ++row)
    if (row % T >= few) most = std::max(most, *std::max_element(&page.weights[row * S], &page.weights[row * S] + S));
  return most > 0 ? most : 1;
}

std::string hint_html(const std::string& text) {
  return text.empty() ? "" : "<p class=\"hint\">" + escape_html(visible_text(text)) + "</p>\n";
}

// What sums to 1 is said to; estimates and local alignment do not.
bool sum_to_one(const std::vector<float>& weights, long S) {
  for (auto row = weights.begin(); row != weights.end(); row += S) {
    if (std::abs(std::accumulate(row, row + S, 0.0) - 1) > 1e-3) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> tokens_html(const std::vector<PageToken>& tokens) {
  std::vector<std::string> all;
  while (all.size() < tokens.size()) {
    std::size_t i = all.size();
    std::vector<std::string_view> text{tokens[i].text};  // up to a special token, or that alone
    while (!tokens[i].is_special && ++i < tokens.size() && !tokens[i].is_special) text.push_back(tokens[i].text);
    for (const std::string& inside : visible_html(text)) {
      const PageToken& token = tokens[all.size()];
      const bool ends_line = token.text.find('\n') != std::string::npos, is_space = token.text == " ";
      std::string html = token.text.starts_with(' ') && !is_space ? "<wbr>" : "";
      html += "<span class=\"token" + std::string(token.is_special ? " special" : "");
      if (!token.more_class.empty()) html += " " + token.more_class;
      if (!token.title.empty()) html += "\" title=\"" + escape_html(token.title);
      all.push_back(html + "\">" + inside + "</span>" + (ends_line ? "<br>" : is_space ? "<wbr>" : ""));
    }
  }
  return all;
}

std::string attention_page(const AttentionPage& page) {
  const bool is_square = page.sources.empty(), causal = is_square && page.causal;
  const long T = static_cast<long>(page.tokens.size());
  const long S = is_square ? T : static_cast<long>(page.sources.size());
  const long expected = page.layers * page.heads * T * S;
  const auto fits = [](const auto& list, long size) { return list.empty() || static_cast<long>(list.size()) == size; };
  if (!fits(page.expected, T) || !fits(page.names, page.layers * page.heads))
    autograd::refuse("attention_page", "what is expected, or names, of other tokens or heads");
  if (static_cast<long>(page.weights.size()) != expected) {
    autograd::refuse("attention_page",
                     "expected " + std::to_string(expected) + " weights, got " + std::to_string(page.weights.size()));
  }
  constexpr long enough = 8;  // tokens that one sees
  const long few = causal ? std::min(enough, T) - 1 : 0;
  const double full = largest_weight(page, T, S, few);
  char shown[32], exact[32];
  std::snprintf(shown, sizeof shown, full < 0.1 ? ", %.1f %%" : ", %.0f %%", 100 * full);
  std::snprintf(exact, sizeof exact, "%.6g", full);
  Page html{.title = "Attention of",
            .subject = page.title,
            .about = page.about,
            .note = "Weights are kept in steps of 1/65535, which is 0.0015 %",
            .main = overview,
            .facts = {{"layers", std::to_string(page.layers)},
                      {"heads", std::to_string(page.heads)},
                      {"causal", causal ? "true" : "false"},
                      {"few", std::to_string(few)},
                      {"full", exact},
                      {"next", page.expects_next ? "true" : "false"},
                      {"steps", std::to_string(weight_steps)}},
            .style = attention_css,
            .script = attention_js};
  html.note += sum_to_one(page.weights, S) ? "; a token's weights sum to 1." : ".";
  html.main += shown + std::string(few > 0 ? ", but for the first tokens, which see few.</p>\n" : ".</p>\n") +
               hint_html(page.how_named) + overview_end;
  if (is_square) {
    html.main += std::string(directions) + "</div>\n" + text_html("text", "text", "", page.tokens);
  } else {
    html.main += "</div>\n" + text_html("source", "source", "The source, which is looked at", page.sources) +
                 text_html("text", "target", "The target, whose tokens look while they are predicted", page.tokens);
  }
  const bool has_pieces = html.main.find("<i>\u00B9\u2044") != std::string::npos;
  html.main += main_end +
               hint_html(page.how_expected.empty() ? "" : page.how_expected + " What stands there is bold.") +
               hint_html(has_pieces ? "\u00E9\u00B9\u2044\u2082: the first of two tokens that hold the bytes of one "
                                      "character, here of an \u00E9."
                                    : "") +
               "</section>\n";
  if (!page.expected.empty()) html.data += expected_html(page);
  if (!page.names.empty()) {
    html.data += "<div id=\"names\" hidden>";
    for (const auto& names : page.names) html.data += names_html(names);
    html.data += "</div>\n";
  }
  for (long i = 0; i < page.layers * page.heads; ++i) append_head(html.data, &page.weights[i * T * S], T, S, causal);
  return html.html();
}

}  // namespace primer::train
