// Two files whose lines belong together, a source's and its translation's, as one text.
#pragma once

#include <string>

#include "data/text/text.h"

namespace primer::data {

/// Writes line i of one file, a tab and line i of the other one into the file `spool`, which is the text from then on:
/// see TextForm::translated_lines. Both are in `encoding`, as in collect_sources(). A tab within a line becomes a
/// space. What InputFile and TextReader throw; files with different numbers of lines, one that is empty, and lines of
/// more than 1 MiB: Fault::input; the disk: Fault::io.
Source join_parallel(const std::string& source, const std::string& target, const std::string& spool,
                     const std::string& encoding = {});

}  // namespace primer::data
