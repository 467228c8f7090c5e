// Words that people choose from: an enumeration whose values have names, in one list beside it.
//
//   enum class NormPlace { pre, post, none };
//   constexpr auto words(NormPlace) { return word_list("pre", "post", "none"); }
//
// Parsing, printing and help read the list; what a value means is a switch without default, which -Werror=switch keeps
// complete.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <type_traits>

namespace primer::autograd {

/// The names of an enumeration's values, in their order.
template <class... Name>
constexpr std::array<std::string_view, sizeof...(Name)> word_list(Name... names) {
  return {names...};
}

template <class E>
concept Word = std::is_enum_v<E> && requires(E value) {
  words(value).size();
};

template <Word E>
constexpr std::string_view name(E value) {
  return words(value)[static_cast<std::size_t>(value)];
}

/// The value of this name, if there is one.
template <Word E>
constexpr std::optional<E> word(std::string_view name) {
  constexpr auto list = words(E{});
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == name) return static_cast<E>(i);
  }
  return {};
}

}  // namespace primer::autograd
