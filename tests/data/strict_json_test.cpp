#include "data/bytes/strict_json.h"

#include <doctest/doctest.h>

using namespace primer::data;

namespace {

// What is read, as "path=value" and spaces between.
std::string read(std::string_view text, const JsonLimits& limits = {}) {
  std::string out;
  read_json(text, limits, [&](const JsonPath& path, const JsonValue& value) {
    out += out.empty() ? "" : " ";
    for (const std::string& key : path) out += "/" + key;
    switch (value.kind) {
      case JsonValue::Kind::object: out += "={}"; break;
      case JsonValue::Kind::array: out += "=[]"; break;
      case JsonValue::Kind::string: out += "='" + value.text + "'"; break;
      case JsonValue::Kind::integer: out += "=" + std::to_string(value.integer); break;
      case JsonValue::Kind::number: out += "=~" + value.text; break;
      case JsonValue::Kind::boolean: out += value.boolean ? "=true" : "=false"; break;
      default: out += "=null";
    }
  });
  return out;
}

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  try {
    read(text, limits);
  } catch (const JsonError& error) {
    return error.what();
  }
  return "accepted";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("every value comes with its path, in the order of the text") {
  CHECK(read(R"({"a":[1,-2,"x",[]],"b":{"c":null},"d":true})") ==
        "={} /a=[] /a/0=1 /a/1=~-2 /a/2='x' /a/3=[] /b={} /b/c=null /d=true");
  CHECK(read(" \t\r\n3 ") == "=3");
  CHECK(read("[]") == "=[]");
  CHECK(read("{ }") == "={}");
}

TEST_CASE("an integer is digits below 2^64, every other number keeps its characters") {
  CHECK(read("18446744073709551615") == "=18446744073709551615");
  CHECK(read("18446744073709551616") == "=~18446744073709551616");
  CHECK(read("0") == "=0");
  for (const std::string text : {"-1", "1.0", "1e3", "1E+3", "0.5e-7"}) CHECK(read(text) == "=~" + text);
  for (const char* text :
       {"01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "--1", "-01", "1 2", "1e999", "NaN", "Infinity"}) {
    CAPTURE(text);
    CHECK(contains(refusal(text), "not valid JSON"));
  }
}

TEST_CASE("strings are UTF-8 without control characters, escapes are undone") {
  CHECK(read(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")") ==
        "='\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80'");
  CHECK(read("\"\xF0\x9F\x98\x80\"") == "='\xF0\x9F\x98\x80'");
  for (const char* text : {"\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\"", "\"\\ud83d\\n\"",
                           "\"\\ude00\"", "\"\\ud83d\\ud83d\"", "\"\n\"", "\"\x1F\"", "\"\xFF\"", "\"\xC0\x80\"",
                           "\"\xED\xA0\x80\"", "\"\xE2\x82\"", "'a'"}) {
    CAPTURE(text);
    CHECK(contains(refusal(text), "not valid JSON"));
  }
}

TEST_CASE("what is not JSON is refused with its place") {
  for (const char* text :
       {"",           " ",     "{",     "[",   "[1",        "[1,", "[1,]",  "[,1]",  "{,}",     "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{a:1}", "{1:1}", "[1}", "{\"a\":1]", "tru", "nulll", "[] []", "// x\n1", "}",       "]"}) {
    CAPTURE(text);
    CHECK(contains(refusal(text), "not valid JSON"));
  }
  CHECK(refusal("[1,\n 2,\n x]") == "it is not valid JSON at byte 10, line 3");
  CHECK(contains(refusal(std::string_view("1\0", 2)), "NUL byte"));
  CHECK(contains(refusal(std::string_view("\"\0\"", 3)), "NUL byte"));
  CHECK(contains(refusal("\xEF\xBB\xBF[]"), "byte order mark"));
}

TEST_CASE("comments are for those who ask for them") {
  const JsonLimits comments{.comments = true};
  CHECK(read("// a\n[/* b */1 /**/,//\r2/* ] */]// end", comments) == "=[] /0=1 /1=2");
  for (const char* text : {"/* a", "/", "1 /", "1 /x/", "/*/ 1", "\"/* a"}) {
    CAPTURE(text);
    CHECK(contains(refusal(text, comments), "not valid JSON"));
  }
  CHECK(read("\"// a\"", comments) == "='// a'");
}

TEST_CASE("a key that is given twice is refused, however it is spelt") {
  CHECK(contains(refusal(R"({"a":1,"b":2,"a":3})"), "\"a\" occurs twice"));
  CHECK(contains(refusal(R"({"a":1,"b":2,"\u0061":3})"), "\"a\" occurs twice"));
  CHECK(contains(refusal(R"({"x":{"":1,"":2}})"), "occurs twice"));
  CHECK(read(R"({"a":{"a":1},"b":{"a":2}})") == "={} /a={} /a/a=1 /b={} /b/a=2");
}

TEST_CASE("depth, keys and lengths have limits, which are met before memory is taken") {
  CHECK(read("[[[]]]", {.depth = 3}) == "=[] /0=[] /0/0=[]");
  CHECK(contains(refusal("[[[[]]]]", {.depth = 3}), "deeper than 3"));
  CHECK(contains(refusal(std::string(10'000'000, '[')), "deeper than 16"));
  CHECK(contains(refusal(R"({"a":1,"b":2,"c":3})", {.keys = 2}), "more than 2 keys"));
  CHECK(read("\"abc\"", {.string = 3}) == "='abc'");
  CHECK(contains(refusal("\"abcd\"", {.string = 3}), "more than 3 bytes"));
  CHECK(contains(refusal("\"\\u0061bcd\"", {.string = 3}), "more than 3 bytes"));
  CHECK(contains(refusal("{\"abcd\":1}", {.string = 3}), "more than 3 bytes"));
  CHECK(read("123", {.number = 3}) == "=123");
  CHECK(contains(refusal("1234", {.number = 3}), "more than 3 characters"));
  CHECK(contains(refusal("0.25", {.number = 3}), "more than 3 characters"));
}

TEST_CASE("what is quoted reads back, and bytes that are not UTF-8 become a mark") {
  std::string text;
  for (int c = 0; c < 128; ++c) text += static_cast<char>(c);
  text += "\xC3\xA9\xF0\x9F\x98\x80";
  std::string back;
  read_json(json_quoted(text), {}, [&](const JsonPath&, const JsonValue& value) { back = value.text; });
  CHECK(back == text);
  CHECK(json_quoted("a\"\\\n\x01\x7F") == "\"a\\\"\\\\\\n\\u0001\x7F\"");
  CHECK(json_quoted("\xFF"
                    "a") ==
        "\"\xEF\xBF\xBD"
        "a\"");
}
