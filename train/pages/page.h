// The frame of an HTML page that needs a browser and nothing else: no network, no other file. What it is filled with
// are texts, tables and pictures (chart.h), one section below the other.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "train/pages/chart.h"

namespace primer::train {

/// A page in its making. What is called text here may be any bytes and is escaped; what is called HTML is not.
struct Page {
  std::string title;         // text
  std::string subject = {};  // text: what the title speaks of, such as a run's name; shown after it
  std::string about = {};    // text: one line below the title
  std::string note = {};     // text: what stands at the end

  std::string main = {};                                        // HTML: the sections
  std::string data = {};                                        // HTML that is not shown: what the script reads
  std::vector<std::pair<std::string, std::string>> facts = {};  // a plain word, text: data-WORD="TEXT" of the body
  std::string_view style = {}, script = {};                     // CSS beside page.css; JavaScript, or nothing

  /// Adds a section: its heading, which is text, or none; and its HTML.
  Page& add(std::string_view heading, std::string_view html);

  /// The whole file. Its policy lets the browser load nothing, not even an icon, and run nothing but `script`.
  std::string html() const;
};

/// Whether the file `path` is empty, or holds a Page of this or an earlier version: what a new page may replace.
/// Fault::io.
bool may_replace(const std::string& path);

/// Text as paragraphs. An empty line begins a new one.
std::string paragraphs_html(std::string_view text);

/// Text as a table, all rows as long as the first, which is the heading; else Fault::usage. A long one is scrolled, and
/// its cells are lines; a `whole` one is shown with all rows, and its cells are broken where the page ends.
std::string table_html(const std::vector<std::vector<std::string>>& rows, bool whole = false);

/// A picture with its caption, and its numbers as a table that opens.
std::string figure_html(const Picture& picture);

}  // namespace primer::train
