#include "train/pages/attention_page.h"

#include <cmath>

#include "autograd/error.h"
#include "train/pages/embedded.h"
#include "train/pages/page.h"
#include "train/pages/visible_html.h"

namespace primer::train {

namespace {

constexpr const char* main_begin = R"html(<section>
<h2>All heads: a row is a layer, a column a head</h2>
<div id="overview"></div>
<p class="hint">Each picture has a row for every token that looks and a column for every token that is looked at.
Layers, heads and tokens are counted from 0. Click one, or move with the arrow keys.</p>
</section>
<section>
<div class="bar">
<h2 id="which"></h2>
<fieldset>
<label><input type="radio" name="direction" id="forward" checked> where a token looks</label>
<label><input type="radio" name="direction" id="backward"> who looks at it</label>
</fieldset>
</div>
<div id="text" role="listbox" tabindex="0" aria-label="the text, token by token">)html";

constexpr const char* main_end = R"html(</div>
<p id="said" role="status"></p>
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

// The weights [T, T] of a head.
void append_head(std::string& html, const float* weights, long T, bool causal) {
  html += "<script type=\"text/plain\" class=\"weights\">";
  Base64 numbers(html);
  for (long from = 0; from < T; ++from) {
    const long seen = causal ? from + 1 : T;
    double sum = 0;
    long before = 0;
    for (long to = 0; to < seen; ++to) {
      sum += weights[from * T + to];
      const long now = std::lround(sum * weight_steps);
      numbers.add(now - before);
      before = now;
    }
  }
  numbers.finish();
  html += "</script>\n";
}

// Between words a line may break.
std::string token_html(const PageToken& token) {
  const bool ends_line = token.text.find('\n') != std::string::npos, is_space = token.text == " ";
  return std::string(token.text.starts_with(' ') && !is_space ? "<wbr>" : "") + "<span class=\"token" +
         (token.is_special ? " special" : "") + "\">" + visible_html(token.text) + "</span>" +
         (ends_line  ? "<br>"
          : is_space ? "<wbr>"
                     : "");
}

}  // namespace

std::string attention_page(const AttentionPage& page) {
  const long T = static_cast<long>(page.tokens.size());
  const long expected = page.layers * page.heads * T * T;
  if (static_cast<long>(page.weights.size()) != expected) {
    autograd::refuse("attention_page",
                     "expected " + std::to_string(expected) + " weights, got " + std::to_string(page.weights.size()));
  }
  Page html{.title = "Attention of",
            .subject = page.title,
            .about = page.about,
            .note = "Weights are kept in steps of 1/65535, which is 0.0015 %; a token's weights sum to 1.",
            .main = main_begin,
            .facts = {{"layers", std::to_string(page.layers)},
                      {"heads", std::to_string(page.heads)},
                      {"causal", page.causal ? "true" : "false"},
                      {"steps", std::to_string(weight_steps)}},
            .style = attention_css,
            .script = attention_js};
  for (const PageToken& token : page.tokens) html.main += token_html(token);
  html.main += main_end;
  for (long i = 0; i < page.layers * page.heads; ++i) {
    append_head(html.data, &page.weights[i * T * T], T, page.causal);
  }
  return html.html();
}

}  // namespace primer::train
