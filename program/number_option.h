// Options that are numbers, read as strictly as the configuration's: no nan, no infinity, no rest, no overflow.
#pragma once

#include <CLI/App.hpp>
#include <charconv>
#include <string>
#include <type_traits>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "train/tasks/config.h"
#include "train/tasks/numbers.h"

namespace primer::program {

/// Adds an option that sets `value` when given, within low ... high. `value` must outlive the parsing.
template <class Number>
CLI::Option* add_bounded(CLI::App& command, const std::string& name, Number& value, Number low, Number high,
                         const std::string& help, const char* type, const char* expected) {
  const auto read = [&value, name, low, high, expected](const std::string& text) {
    Number number{};
    bool is_read = false;
    if constexpr (std::is_integral_v<decltype(number)>) {
      is_read = train::read_whole(text, number);
    } else {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      is_read = error == std::errc() && end == text.data() + text.size();
    }
    if (!is_read || !(number >= low && number <= high)) {
      const std::string range =
          train::number_text(static_cast<double>(low)) + " to " + train::number_text(static_cast<double>(high));
      throw autograd::Error(autograd::Fault::usage,
                            name + " " + data::printable(text) + ": expected " + expected + " from " + range);
    }
    value = number;
  };
  const std::string otherwise = " [" + train::number_text(static_cast<double>(value)) + "]";
  return command.add_option_function<std::string>(name, read, help + otherwise)->type_name(type);
}

inline CLI::Option* add_integer(CLI::App& command, const std::string& name, long& value, long low, long high,
                                const std::string& help) {
  return add_bounded(command, name, value, low, high, help, "N", "a whole number");
}

inline CLI::Option* add_number(CLI::App& command, const std::string& name, double& value, double low, double high,
                               const std::string& help) {
  return add_bounded(command, name, value, low, high, help, "X", "a number");
}

}  // namespace primer::program
