// A page of attention, read without its script.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

/// The parts of `text` between `before` and `after`, in their order.
inline std::vector<std::string> between(std::string_view text, std::string_view before, std::string_view after) {
  std::vector<std::string> found;
  for (auto at = text.find(before); at != text.npos; at = text.find(before, at)) {
    at += before.size();
    const auto end = text.find(after, at);
    if (end == text.npos) break;
    found.emplace_back(text.substr(at, end - at));
    at = end + after.size();
  }
  return found;
}

inline std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  REQUIRE(text.size() % 4 == 0);
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const auto digit = digits.find(c);
    REQUIRE(digit != digits.npos);
    bits = bits << 6 | static_cast<unsigned>(digit);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  CHECK((bytes.size() + 2) / 3 * 4 == text.size());
  return bytes;
}

struct ReadPage {
  bool causal;
  std::vector<std::string> tokens;         // [T], what is between the tags
  std::vector<std::string> sources;        // [S], what these look at: others, or the same
  std::vector<std::vector<double>> heads;  // [layers * heads][T * S]

  explicit ReadPage(const std::string& html) : causal(html.find("data-causal=\"true\"") != html.npos) {
    tokens = tokens_of(html, "text");
    const bool is_square = html.find("<div id=\"source\"") == html.npos;
    sources = is_square ? tokens : tokens_of(html, "source");
    const bool sums = html.find("a token&#39;s weights sum to 1.") != html.npos;
    const std::size_t T = tokens.size(), S = sources.size();
    for (const std::string& block : between(html, "class=\"weights\">", "</script>")) {
      const std::string bytes = from_base64(block);
      REQUIRE(bytes.size() == 2 * (causal ? T * (T + 1) / 2 : T * S));
      std::vector<double> head(T * S, 0);
      std::size_t i = 0;
      for (std::size_t from = 0; from < T; ++from) {
        long sum = 0;
        for (std::size_t to = 0; to < (causal ? from + 1 : S); ++to, i += 2) {
          const long step = static_cast<unsigned char>(bytes[i]) | static_cast<unsigned char>(bytes[i + 1]) << 8;
          head[from * S + to] = static_cast<double>(step) / 65535;
          sum += step;
        }
        if (sums) CHECK(sum == 65535);
      }
      heads.push_back(head);
    }
  }

 private:
  static std::vector<std::string> tokens_of(const std::string& html, const std::string& id) {
    const std::string box = between(html, "<div id=\"" + id + "\"", "</div>").at(0);
    std::vector<std::string> tokens = between(box, "<span class=\"token", "</span>");
    for (std::string& token : tokens) token.erase(0, token.find('>') + 1);
    return tokens;
  }
};
