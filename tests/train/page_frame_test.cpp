// The frame of a page: what holds it together, and what cannot leave its place in it.
#include <doctest/doctest.h>

#include "autograd/error.h"
#include "tests/places.h"
#include "tests/train/fresh_directory.h"
#include "tests/train/read_page.h"
#include "train/pages/page.h"

using namespace primer::train;

TEST_CASE("a page has what its writer gave it, escaped where it is text") {
  Page page{.title = "Report of", .subject = "runs/<x>", .about = "a & b", .note = "an \"end\""};
  page.facts = {{"seed", "\" onload=\"x"}};
  page.add("How <it> went", paragraphs_html("one\ntwo <b>\n\n\n\nthree\xFF"));
  page.add("", table_html({{"a", "b<"}, {"1", ""}}));
  const std::string html = page.html();
  CHECK(html.starts_with("<!doctype html>\n"));
  CHECK(html.find("charset=\"utf-8\"") < 1024);
  CHECK(html.find("<title>Report of runs/&lt;x&gt;</title>") != html.npos);
  CHECK(html.find("<h1>Report of <span>runs/&lt;x&gt;</span></h1>\n<p>a &amp; b</p>") != html.npos);
  CHECK(html.find("<body data-seed=\"&quot; onload=&quot;x\">") != html.npos);
  CHECK(html.find("<h2>How &lt;it&gt; went</h2>\n<p>one\ntwo &lt;b&gt;</p>\n<p>three\\xFF</p>\n</section>") !=
        html.npos);
  CHECK(html.find("<tr><th>a</th><th>b&lt;</th></tr>") != html.npos);
  CHECK(html.find("<tr><td>1</td><td></td></tr>") != html.npos);
  CHECK(html.find("<footer>an &quot;end&quot;\n") != html.npos);
  CHECK(html.ends_with("</body>\n</html>\n"));
}

TEST_CASE("a page without a script lets its browser run none, and one with a script only that") {
  Page page{.title = "x"};
  CHECK(page.html().find("content=\"default-src 'none';\n  style-src 'nonce-primer'; base-uri 'none'; ") !=
        std::string::npos);
  CHECK(page.html().find("script") == std::string::npos);
  page.script = "let x;\n";
  page.data = "<i></i>\n";
  CHECK(page.html().find("script-src 'nonce-primer'; ") != std::string::npos);
  CHECK(page.html().find("<i></i>\n<script nonce=\"primer\">\nlet x;\n</script>\n</body>") != std::string::npos);
}

TEST_CASE("a page holds the style that lies beside its source, byte for byte, and then its own") {
  Page page{.title = "x", .style = "b { color: red; }\n"};
  const std::string bytes = file_bytes(std::string(source_directory()) + "/train/pages/page.css");
  CHECK(bytes.size() > 1000);
  CHECK(page.html().find("<style nonce=\"primer\">\n" + bytes + "b { color: red; }\n</style>") != std::string::npos);
}

TEST_CASE("a figure has its picture, its caption, and all its numbers as a table") {
  const Picture picture = line_chart({"a title", "what <to> see"}, {.name = "step"}, {.name = "loss"},
                                     {{.name = "a\tb", .x = {1, 2}, .y = {0.1, NAN}}});
  const std::string html = figure_html(picture);
  CHECK(html.find(picture.svg) != html.npos);
  CHECK(html.find("<figcaption><p>what &lt;to&gt; see</p>") != html.npos);
  CHECK(html.find("<tr><th>curve</th><th>step</th><th>loss</th></tr>") != html.npos);
  CHECK(html.find("<tr><td>a\\x09b</td><td>2</td><td></td></tr>") != html.npos);
  CHECK(between(html, "<td>", "</td>").size() == 6);
}

TEST_CASE("a table whose rows differ in length is refused") {
  CHECK_THROWS_WITH_AS(table_html({{"a", "b"}, {"1"}}), "[table_html] expected 2 cells in row 1, got 1",
                       primer::autograd::Error);
  CHECK(between(table_html({}), "<tr>", "</tr>").empty());
}
