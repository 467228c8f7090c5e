#include "train/pages/attention_page.h"

#include <cmath>
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
<p class="hint">Each picture has a row for every token that looks and a column for every token that is looked at.
Layers, heads and tokens are counted from 0. Click one, or move with the arrow keys.</p>
</section>
<section>
<div class="bar">
<h2 id="which"></h2>
)html";

// Of one text, whose tokens look and are looked at.
constexpr const char* directions = R"html(<fieldset>
<label><input type="radio" name="direction" id="forward" checked> where a token looks</label>
<label><input type="radio" name="direction" id="backward"> who looks at it</label>
</fieldset>
)html";

constexpr const char* main_end = R"html(<p id="said" role="status"></p>
<div class="pair">
<div class="map"><canvas id="map" role="img" aria-label="the weights of this head as a map"></canvas></div>
<table id="strongest"><caption id="direction"></caption></table>
</div>
<div id="legend"><canvas></canvas><span>0</span><span>1 %</span><span>5 %</span><span>10 %</span><span>25 %</span>
<span>50 %</span><span>100 %</span></div>
<p class="hint">Hover a token, or use the arrow keys; a click or Enter pins it, and then a second token shows the weight
between both; Escape lets it go. <span id="pinned" hidden>A token is pinned.</span></p>
</section>
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
  for (const PageToken& token : tokens) html += token_html(token);
  return html + "</div>\n";
}

// What sums to 1 is said to; estimates and local alignment do not.
bool sum_to_one(const std::vector<float>& weights, long S) {
  for (auto row = weights.begin(); row != weights.end(); row += S) {
    if (std::abs(std::accumulate(row, row + S, 0.0) - 1) > 1e-3) return false;
  }
  return true;
}

}  // namespace

std::string token_html(const PageToken& token, std::string_view more_class, std::string_view title) {
  const bool ends_line = token.text.find('\n') != std::string::npos, is_space = token.text == " ";
  std::string html = token.text.starts_with(' ') && !is_space ? "<wbr>" : "";
  html += "<span class=\"token" + std::string(token.is_special ? " special" : "");
  if (!more_class.empty()) html += " " + std::string(more_class);
  if (!title.empty()) html += "\" title=\"" + escape_html(title);
  return html + "\">" + visible_html(token.text) + "</span>" + (ends_line ? "<br>" : is_space ? "<wbr>" : "");
}

std::string attention_page(const AttentionPage& page) {
  const bool is_square = page.sources.empty(), causal = is_square && page.causal;
  const long T = static_cast<long>(page.tokens.size());
  const long S = is_square ? T : static_cast<long>(page.sources.size());
  const long expected = page.layers * page.heads * T * S;
  if (static_cast<long>(page.weights.size()) != expected) {
    autograd::refuse("attention_page",
                     "expected " + std::to_string(expected) + " weights, got " + std::to_string(page.weights.size()));
  }
  Page html{.title = "Attention of",
            .subject = page.title,
            .about = page.about,
            .note = "Weights are kept in steps of 1/65535, which is 0.0015 %",
            .main = overview,
            .facts = {{"layers", std::to_string(page.layers)},
                      {"heads", std::to_string(page.heads)},
                      {"causal", causal ? "true" : "false"},
                      {"steps", std::to_string(weight_steps)}},
            .style = attention_css,
            .script = attention_js};
  html.note += sum_to_one(page.weights, S) ? "; a token's weights sum to 1." : ".";
  if (is_square) {
    html.main += std::string(directions) + "</div>\n" + text_html("text", "text", "", page.tokens);
  } else {
    html.main += "</div>\n" + text_html("source", "source", "The source, which is looked at", page.sources) +
                 text_html("text", "target", "The target, whose tokens look while they are predicted", page.tokens);
  }
  html.main += main_end;
  for (long i = 0; i < page.layers * page.heads; ++i) append_head(html.data, &page.weights[i * T * S], T, S, causal);
  return html.html();
}

}  // namespace primer::train
