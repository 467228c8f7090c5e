// The page as text: the numbers that it holds, and what strange tokens can do to it.
#include "train/pages/attention_page.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/bytes/utf8.h"
#include "tests/places.h"
#include "tests/train/fresh_directory.h"
#include "tests/train/read_page.h"
#include "train/pages/visible_html.h"

using namespace primer::train;
using primer::data::Symbol;

namespace {

AttentionPage made_page(long layers, long heads, long T, bool causal, double sharpness) {
  AttentionPage page{.title = "runs/x", .about = "made up", .causal = causal, .layers = layers, .heads = heads};
  for (long i = 0; i < T; ++i) page.tokens.push_back({"t" + std::to_string(i)});
  page.weights.assign(static_cast<std::size_t>(layers * heads * T * T), 0);
  const primer::autograd::Random random(1, 2, 3);
  for (long row = 0; row < layers * heads * T; ++row) {
    const long seen = causal ? row % T + 1 : T;
    float* const weights = &page.weights[static_cast<std::size_t>(row * T)];
    double total = 0;
    for (long i = 0; i < seen; ++i) {
      weights[i] = static_cast<float>(std::exp(sharpness * random.uniform(static_cast<std::uint64_t>(row * T + i))));
      total += weights[i];
    }
    for (long i = 0; i < seen; ++i) weights[i] = static_cast<float>(weights[i] / total);
  }
  return page;
}

/// The tags of a page in their order, with all that is in them.
std::string tags_of(const std::string& html) {
  std::string all;
  for (const std::string& tag : between(html, "<", ">")) {
    if (tag != "i" && tag != "/i" && tag != "br" && tag != "wbr") all += "<" + tag + ">\n";
  }
  return all;
}

}  // namespace

TEST_CASE("a page holds the weights that it was given, and each row of them sums to one") {
  for (const bool causal : {true, false}) {
    for (const long T : {1, 2, 3, 4, 5, 64, 99}) {
      for (const double sharpness : {0.0, 3.0, 40.0}) {
        CAPTURE(T);
        const AttentionPage page = made_page(2, 3, T, causal, sharpness);
        const ReadPage read(attention_page(page));
        CHECK(read.causal == causal);
        REQUIRE(static_cast<long>(read.tokens.size()) == T);
        CHECK(read.tokens.back() == "t" + std::to_string(T - 1));
        REQUIRE(read.heads.size() == 6);
        double apart = 0;
        for (long i = 0; i < 6 * T * T; ++i) {
          apart = std::max(apart, std::abs(read.heads[i / (T * T)][i % (T * T)] - page.weights[i]));
        }
        CHECK(apart < 1.001 / 65535);
      }
    }
  }
}

TEST_CASE("a page of two texts holds a row for each token and a column for each of its source") {
  for (const auto& [T, S] : {std::pair{1L, 1L}, {1L, 7L}, {5L, 2L}, {3L, 64L}}) {
    AttentionPage page{.layers = 2, .heads = 2};  // causal means nothing here
    for (long i = 0; i < T; ++i) page.tokens.push_back({"t" + std::to_string(i)});
    for (long i = 0; i < S; ++i) page.sources.push_back({"s" + std::to_string(i)});
    for (long i = 0; i < 4 * T * S; ++i)
      page.weights.push_back(static_cast<float>(2 * (i % S + 1)) / static_cast<float>(S * (S + 1)));
    const std::string html = attention_page(page);
    const ReadPage read(html);
    CHECK_FALSE(read.causal);
    CHECK(read.tokens.back() == "t" + std::to_string(T - 1));
    CHECK(read.sources.back() == "s" + std::to_string(S - 1));
    REQUIRE(read.heads.size() == 4);
    double apart = 0;
    for (long i = 0; i < 4 * T * S; ++i)
      apart = std::max(apart, std::abs(read.heads[i / (T * S)][i % (T * S)] - page.weights[i]));
    CHECK(apart < 1.001 / 65535);
    CHECK(html.find("name=\"direction\"") == html.npos);  // the text that a token is in says it
    CHECK(html.find("weights sum to 1.") != html.npos);
    for (float& weight : page.weights) weight /= 2;  // as of local alignment
    const std::string less = attention_page(page);
    CHECK(less.find("weights sum to 1.") == less.npos);
    CHECK(ReadPage(less).heads[3][T * S - 1] == doctest::Approx(page.weights.back()).epsilon(1e-3));
    page.weights.pop_back();
    CHECK_THROWS_AS(attention_page(page), primer::autograd::Error);
  }
}

TEST_CASE("weights of nothing and of all are kept exactly") {
  AttentionPage page = made_page(1, 1, 3, false, 0);
  page.weights = {0, 1, 0, 1, 0, 0, 0.5, 0, 0.5};
  const ReadPage read(attention_page(page));
  const std::vector<double> expected = {0, 1, 0, 1, 0, 0, 32768.0 / 65535, 0, 32767.0 / 65535};
  CHECK(read.heads.at(0) == expected);
}

TEST_CASE("weights that are not layers x heads x tokens x tokens are refused") {
  AttentionPage page = made_page(2, 2, 3, true, 0);
  page.weights.pop_back();
  CHECK_THROWS_WITH_AS(attention_page(page), doctest::Contains("expected 36 weights, got 35"), primer::autograd::Error);
}

TEST_CASE("a token's text is shown, whatever it is") {
  CHECK(visible_html("plain") == "plain");
  CHECK(visible_html("</script>") == "&lt;/script&gt;");
  CHECK(visible_html("<img src=x onerror='a(\"1\")'>&amp;") ==
        "&lt;img<i>\u00B7</i>src=x<i>\u00B7</i>onerror=&#39;a(&quot;1&quot;)&#39;&gt;&amp;amp;");
  CHECK(visible_html("") == "<i>\u2205</i>");
  CHECK(visible_html("\n") == "<i>\u21B5</i>");
  CHECK(visible_html("a\tb") == "a<i>\u21E5</i>b");
  CHECK(visible_html(std::string("\0\r\x1b\x7f", 4)) == "<i>\\x00</i><i>\\x0D</i><i>\\x1B</i><i>\\x7F</i>");
  CHECK(visible_html("\xFF\xC3") == "<i>\\xFF</i><i>\\xC3</i>");
  CHECK(visible_html("\u200F\u202Ex\u2066") == "<i>U+200F</i><i>U+202E</i>x<i>U+2066</i>");
  CHECK(visible_html("\u00A0\u2028\uFEFF") == "<i>U+00A0</i><i>U+2028</i><i>U+FEFF</i>");
  CHECK(visible_html("\xED\xA0\x80") == "<i>\\xED</i><i>\\xA0</i><i>\\x80</i>");  // half of a surrogate pair
  CHECK(visible_html("\u0301a\u0301") == "<i>\u25CC</i>\u0301a\u0301");
  CHECK(visible_html("\uFE0F\u20DD\u0301") == "<i>U+FE0F</i><i>U+20DD</i>\u0301");
  CHECK(visible_html("\u05E9\U0001F600\u4E2D") == "\u05E9\U0001F600\u4E2D");
}

TEST_CASE("tokens that share a character show it, each with its part; stray bytes stay what they are") {
  using Tokens = std::vector<std::string_view>;
  const auto shown = [](const Tokens& tokens) { return visible_html(std::span<const std::string_view>(tokens)); };
  using Shown = std::vector<std::string>;
  const std::string half = "<i>\u00B9\u2044\u2082</i>", other_half = "<i>\u00B2\u2044\u2082</i>";
  CHECK(shown({"\xE4", "\xBD", "\xA0"}) ==
        Shown{"\u4F60<i>\u00B9\u2044\u2083</i>", "\u4F60<i>\u00B2\u2044\u2083</i>", "\u4F60<i>\u00B3\u2044\u2083</i>"});
  CHECK(shown({"a\u4F60\xE5\xA5", "\xBD.\xC3", "\xA9"}) ==
        Shown{"a\u4F60\u597D" + half, "\u597D" + other_half + ".\u00E9" + half, "\u00E9" + other_half});
  CHECK(shown({"\xE4", "\xBD", "x", "\xA0"}) == Shown{"<i>\\xE4</i>", "<i>\\xBD</i>", "x", "<i>\\xA0</i>"});
  CHECK(shown({"\xE2\x80", "\xA8"}) == Shown{"<i>U+2028</i>" + half, "<i>U+2028</i>" + other_half});
  CHECK(shown({"", "\xCC", "", "\x81", ""}) == Shown{"<i>\u2205</i>", "<i>\u25CC</i>\u0301" + half, "<i>\u2205</i>",
                                                     "<i>\u25CC</i>\u0301" + other_half, "<i>\u2205</i>"});
  CHECK(shown({}).empty());
}

TEST_CASE("what is expected is a list of numbers for each token, and the tokens it names stand beside them once") {
  AttentionPage page = made_page(1, 2, 3, true, 1);
  page.tokens = {{"a"}, {"\xE4"}, {"\xBD"}};
  page.expects_next = true;
  page.how_expected = "How <so>.";
  page.expected = {
      {0.25, {{{"b"}, 0.5}, {{"\xE4"}, 0.25}}, 1}, {0.125, {{{"b"}, 0.75}}, -1}, {NAN, {{{"\xA0"}, 1e-9}}, -1}};
  page.names = {{}, {"previous-token 0.87", "induction 0.41"}};
  page.how_named = "P & I.";
  const std::string html = attention_page(page);
  CHECK(between(html, "id=\"expectations\">", "</script>").at(0) ==
        "[[0.25,1,0,0.5,1,0.25],[0.125,-1,0,0.75],[null,-1,2,1e-09]]");
  CHECK(between(html, "id=\"likely\" hidden>", "</div>").at(0) ==
        "<span class=\"token\">b</span><span class=\"token\"><i>\\xE4</i></span>"
        "<span class=\"token\">\u4F60<i>\u00B3\u2044\u2083</i></span>");
  CHECK(between(html, "id=\"names\" hidden>", "</div>").at(0) ==
        "<span title=\"\"></span><span title=\"previous-token 0.87, induction 0.41\">PI</span>");
  CHECK(html.find("How &lt;so&gt;. What stands there is bold.") != html.npos);
  CHECK(html.find("P &amp; I.") != html.npos);
  CHECK(html.find("data-next=\"true\"") != html.npos);
  page.names.pop_back();
  CHECK_THROWS_AS(attention_page(page), primer::autograd::Error);
  page.names.clear();
  page.expected.pop_back();
  CHECK_THROWS_AS(attention_page(page), primer::autograd::Error);
}

TEST_CASE("every symbol is seen, and none is a piece of HTML, moves its neighbours or breaks UTF-8") {
  long shown_as_they_are = 0, wrong = 0;
  for (Symbol symbol = 0; symbol < primer::data::symbol_count; ++symbol) {
    if (symbol >= 0xD800 && symbol < 0xE000) continue;  // surrogates have no UTF-8
    const std::string bytes = primer::data::symbol_bytes(symbol), html = visible_html(bytes);
    std::string inside = html;
    if (html.starts_with("<i>") && html.ends_with("</i>")) inside = html.substr(3, html.size() - 7);
    if (inside.starts_with("<i>\u25CC</i>")) inside = inside.substr(10);
    if (inside.starts_with("&")) inside = inside.ends_with(";") && inside.size() < 8 ? "entity" : "<";
    bool good = !inside.empty() && primer::data::printable(inside) == inside;
    for (const char c : {'<', '>', '&', '"', '\'', '\n'}) good = good && inside.find(c) == inside.npos;
    if (!good && ++wrong <= 10) FAIL_CHECK("symbol " << symbol << ": " << html);
    if (html == bytes) ++shown_as_they_are;
  }
  CHECK(wrong == 0);
  CHECK(shown_as_they_are > 900'000);
}

TEST_CASE("no token and no name of a run adds a tag or an attribute to the page") {
  const std::vector<std::string> hostile = {"</span>",
                                            "</div>",
                                            "</script>",
                                            "<script>alert(1)</script>",
                                            "<img src=x onerror=alert(1)>",
                                            "\" onclick=\"a",
                                            "' autofocus='",
                                            "<!--",
                                            "-->",
                                            "]]>",
                                            "<![CDATA[",
                                            "&lt;script&gt;",
                                            "&#60;",
                                            "${1}",
                                            "</title>",
                                            "</style>",
                                            "<base href=//x>",
                                            "javascript:alert(1)",
                                            std::string("\0<", 2),
                                            "\xC0\xBC",
                                            "<\n",
                                            "\u202E</i>",
                                            "</noscript>"};
  for (const bool has_source : {false, true}) {
    AttentionPage page = made_page(1, 2, static_cast<long>(hostile.size()), !has_source, 3);
    if (has_source) page.sources = page.tokens;
    for (std::size_t i = 0; i < hostile.size(); ++i)
      page.expected.push_back({0.5, {{{"e" + std::to_string(i)}, 0.5}}, 0});
    page.names = {{"x"}, {"y", "z"}};
    page.how_expected = page.how_named = "x";
    const std::string expected = tags_of(attention_page(page));
    CHECK(expected.find("<script nonce=\"primer\">") != expected.npos);
    for (std::size_t i = 0; i < hostile.size(); ++i)
      page.tokens[i].text = page.expected[i].likely[0].first.text = hostile[i];
    if (has_source) page.sources = page.tokens;
    for (const std::string& name : hostile) {
      CAPTURE(name);
      page.title = page.about = page.how_expected = page.how_named = name;
      const std::string html = attention_page(page);
      CHECK(tags_of(html) == expected);
      CHECK(html.find('\0') == html.npos);
      CHECK(html.find("\u202E") == html.npos);
      CHECK(ReadPage(html).sources.size() == hostile.size());
    }
  }
}

TEST_CASE("a page holds the script and the style that lie beside its source, byte for byte") {
  const std::string html = attention_page(made_page(1, 1, 3, false, 0));
  for (const char* name : {"attention.js", "attention.css"}) {
    CAPTURE(name);
    const std::string bytes = file_bytes(std::string(source_directory()) + "/train/pages/" + name);
    CHECK(bytes.size() > 1000);
    CHECK(html.find(bytes) != std::string::npos);
  }
}

TEST_CASE("a special token is told apart from its spelling") {
  AttentionPage page = made_page(1, 1, 2, false, 0);
  page.tokens = {{"[MASK]", true}, {"[MASK]", false}};
  const std::string html = attention_page(page);
  CHECK(html.find("<span class=\"token special\">[MASK]</span><span class=\"token\">[MASK]</span>") != html.npos);
}

TEST_CASE("a page names no other place, and forbids its browser all but its own script and style") {
  const std::string html = attention_page(made_page(1, 1, 4, true, 1));
  const auto policy = html.find("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';");
  REQUIRE(policy != html.npos);
  for (const char* tag : {"<script", "<style"}) CHECK(html.find(tag) > policy);
  CHECK(html.find("<link") == html.npos);
  CHECK(html.find("unsafe") == html.npos);
  CHECK(html.find("charset=\"utf-8\"") < 1024);
  for (const char* other : {"http:", "https:", "//", "src=", "url(", "@import", "fetch(", "XMLHttpRequest", "WebSocket",
                            "import(", "innerHTML", "eval("}) {
    CAPTURE(other);
    // comments of the script begin with // at the start of a line or after two spaces, and are no address
    std::size_t places = 0;
    std::istringstream lines(html);
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find(other);
      const bool is_comment = std::string(other) == "//" && (line.starts_with("//") || line.find("  // ") != line.npos);
      const bool is_data = line.find("class=\"weights\"") != line.npos;
      places += at != line.npos && !is_comment && !is_data;
    }
    CHECK(places == 0);
  }
}
