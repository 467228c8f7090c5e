// Dates as people write them, and as ISO 8601 has them: character by character.
#pragma once

#include "studies/alignment/pairs.h"

namespace primer::studies {

/// Sources are days of 1900 to 2099, each written in one of these forms, drawn evenly; targets are 1979-05-03. Digits
/// of a target are made of the digit that the source has in their place; of a month that is named, and of a 0 that is
/// not written, of none.
extern const PairTask written_dates;

inline constexpr const char* date_forms[]{"3 May 1979",      "May 3, 1979", "Thursday May 3 1979",
                                          "3rd of May 1979", "05/03/1979",  "Thu 3 May 1979",
                                          "3.5.1979",        "1979 May 3"};

}  // namespace primer::studies
