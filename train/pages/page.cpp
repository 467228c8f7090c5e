#include "train/pages/page.h"

#include <algorithm>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "train/pages/embedded.h"
#include "train/pages/visible_html.h"

namespace primer::train {

namespace {

std::string text_html(std::string_view text) { return escape_html(data::printable(text)); }

std::vector<std::string> split(std::string_view text, std::string_view between) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(between);
    parts.emplace_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + between.size());
  }
}

std::string row_html(const std::vector<std::string>& cells, std::string_view tag) {
  std::string html = "<tr>";
  for (const std::string& cell : cells) {
    html += "<" + std::string(tag) + ">" + text_html(cell) + "</" + std::string(tag) + ">";
  }
  return html + "</tr>\n";
}

}  // namespace

Page& Page::add(std::string_view heading, std::string_view html) {
  main += "<section>\n" + (heading.empty() ? "" : "<h2>" + text_html(heading) + "</h2>\n") + std::string(html) +
          "</section>\n";
  return *this;
}

std::string Page::html() const {
  // The policy: no handler in an attribute, no address that is code.
  const std::string runs = script.empty() ? "" : "script-src 'nonce-primer'; ";
  std::string page =
      "<!doctype html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';\n  " +
      runs +
      "style-src 'nonce-primer'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  const std::string between = subject.empty() ? "" : " ";
  page += "<title>" + text_html(title) + between + text_html(subject) + "</title>\n<style nonce=\"primer\">\n" +
          std::string(page_css) + std::string(style) + "</style>\n</head>\n<body";
  for (const auto& [word, fact] : facts) page += " data-" + word + "=\"" + text_html(fact) + "\"";
  page += ">\n<header>\n<h1>" + text_html(title) + between;
  if (!subject.empty()) page += "<span>" + text_html(subject) + "</span>";
  page += "</h1>\n" + (about.empty() ? "" : "<p>" + text_html(about) + "</p>\n") + "</header>\n<main>\n" + main +
          "</main>\n";
  if (!script.empty()) {
    page += "<noscript><p>This page needs its own script, which loads nothing from anywhere.</p></noscript>\n";
  }
  page += "<footer>" + text_html(note) + (note.empty() ? "" : "\n") +
          "This file is complete: it asks no server for anything. Made by primer.</footer>\n" + data;
  if (!script.empty()) page += "<script nonce=\"primer\">\n" + std::string(script) + "</script>\n";
  return page + "</body>\n</html>\n";
}

bool may_replace(const std::string& path) {
  const data::InputFile file(path, autograd::Fault::io);
  std::string beginning(std::min<std::uint64_t>(file.size(), 1024), '\0');
  file.read_exactly(beginning.data(), beginning.size(), 0, autograd::Fault::io);
  return beginning.empty() ||
         (beginning.starts_with("<!doctype html>") && beginning.find("'nonce-primer'") != beginning.npos);
}

std::string paragraphs_html(std::string_view text) {
  std::string html;
  for (const std::string& paragraph : split(text, "\n\n")) {
    std::string lines;
    for (const std::string& line : split(paragraph, "\n")) lines += (lines.empty() ? "" : "\n") + text_html(line);
    if (!lines.empty()) html += "<p>" + lines + "</p>\n";
  }
  return html;
}

std::string table_html(const std::vector<std::vector<std::string>>& rows, bool whole) {
  std::string html =
      "<div class=\"scrolled" + std::string(whole ? " whole" : "") + "\" tabindex=\"0\"><table class=\"rows\">\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != rows[0].size()) {
      autograd::refuse("table_html", "expected " + std::to_string(rows[0].size()) + " cells in row " +
                                         std::to_string(i) + ", got " + std::to_string(rows[i].size()));
    }
    html += i == 0 ? "<thead>" + row_html(rows[i], "th") + "</thead>\n<tbody>\n" : row_html(rows[i], "td");
  }
  return html + (rows.empty() ? "" : "</tbody>") + "</table></div>\n";
}

std::string figure_html(const Picture& picture) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : split(picture.tsv, "\n")) {
    if (!line.empty()) rows.push_back(split(line, "\t"));
  }
  return "<figure>\n<div>" + picture.svg + "</div>\n<figcaption>" + paragraphs_html(picture.caption) +
         "<details><summary>The numbers</summary>\n" + table_html(rows) + "</details>\n</figcaption>\n</figure>\n";
}

}  // namespace primer::train
