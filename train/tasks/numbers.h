// Numbers as people read and write them.
#pragma once

#include <string>
#include <string_view>

namespace primer::train {

/// Reads a whole number, also one that is written as 1e3 or 2.5e5. False for anything else.
bool read_whole(std::string_view text, long& value);

/// The shortest text that reads back to the same value, with no regard to the locale.
std::string number_text(double value);

/// 12345678 as "12.3M" and the like.
std::string short_number(double value);

/// Seconds: 75 as "1m15s", 9000 as "2h30m".
std::string short_duration(double seconds);

}  // namespace primer::train
