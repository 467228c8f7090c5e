// The lines of a text, one after the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "data/text/text.h"

namespace primer::data {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
inline bool is_space(char c) { return c == '\n' || is_blank(c); }
/// Nothing but blanks and line feeds.
inline bool is_blank(std::string_view text) { return std::ranges::all_of(text, is_space); }

/// Cuts a text that arrives in blocks into lines without their line feeds, CR LF included, and calls line(text) for
/// each. A byte order mark before the first one is dropped. A line that is longer than 1 MiB: Fault::input.
class LineCutter {
 public:
  static constexpr std::size_t longest = 1u << 20;

  template <class Line>
  void feed(std::string_view block, Line&& line) {
    while (!block.empty()) {
      const std::size_t end = block.find('\n');
      pending_ += block.substr(0, end);
      if (pending_.size() > longest) refuse("it is longer than " + std::to_string(longest) + " bytes");
      if (end == std::string_view::npos) return;
      give(line);
      block.remove_prefix(end + 1);
    }
  }
  template <class Line>
  void finish(Line&& line) {
    if (!pending_.empty()) give(line);
  }

  /// Throws Fault::input about the line that was given last.
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Fault::input, "line " + std::to_string(number()) + ": " + why);
  }

  /// Of the line that is given, from 1 on.
  std::uint64_t number() const { return number_ + 1; }
  /// It ended with CR LF.
  bool had_return() const { return had_return_; }

 private:
  static constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

  template <class Line>
  void give(Line& line) {
    if (number_ == 0 && pending_.starts_with(byte_order_mark)) pending_.erase(0, byte_order_mark.size());
    had_return_ = pending_.ends_with('\r');
    if (had_return_) pending_.pop_back();
    line(std::string_view(pending_));
    ++number_;
    pending_.clear();
  }

  std::string pending_;
  std::uint64_t number_ = 0;  // lines before this one
  bool had_return_ = false;
};

}  // namespace primer::data
