// The files of this folder that a browser reads, as CMake compiles them in.
#pragma once

#include <string_view>

namespace primer::train {

/// How every page looks, and the colours of its charts, light and dark: --s0 to --s7 are those of curves and groups.
extern const std::string_view page_css;

/// What a page of attention does. See attention_page.h. Two states matter: which head is shown, and which token is
/// looked at (`at`), which stays when it is pinned; then `other` is the second token of a pair.
extern const std::string_view attention_js;

/// How a page of attention looks, beside page_css. --heat-0 to --heat-2 are the colours of no, a quarter and all of the
/// attention; the script mixes those between.
extern const std::string_view attention_css;

/// What a report does beside: it says what was expected in the place of a token. And how it looks, beside page_css.
extern const std::string_view report_js, report_css;

}  // namespace primer::train
