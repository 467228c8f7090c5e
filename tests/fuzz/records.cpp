// A byte that says which fields are read, and a text. The cuts between blocks change nothing, and what is read of a
// table is read again of a table that is written of it.
#include "data/text/records.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/oracle.h"

using namespace primer;

namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Reading {
  Rows rows;
  std::string why;  // it was refused
  bool are_lines = false;
};

Reading read(std::string_view text, const data::TextFields& fields, const char* expected, std::size_t block) {
  Reading reading;
  data::Records records(fields, expected);
  const auto see = [&](const std::vector<std::string>& texts) { reading.rows.push_back(texts); };
  fuzz::accepts({autograd::Fault::input}, [&] {
    try {
      for (std::size_t i = 0; i < text.size(); i += block) records.feed(text.substr(i, block), see);
      records.finish(see);
    } catch (const autograd::Error& error) {
      reading.why = error.what();
      throw;
    }
  });
  reading.are_lines = records.are_lines();
  return reading;
}

std::string table_of(const Rows& rows, const std::vector<std::string>& names) {
  std::string text = names[0] + (names.size() > 1 ? "\t" + names[1] : "") + "\n";
  for (const auto& row : rows) {
    for (const std::string& field : row) {
      text += text.ends_with('\n') ? "\"" : "\t\"";
      for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
      text += "\"";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const data::TextFields some[] = {{}, {{"a"}, 0}, {{"a"}, 0, true}, {{"a", "b"}, 1}, {{"a", "b"}, 0}};
  const data::TextFields& fields = some[data[0] % std::size(some)];
  const char* const expected = data[0] >= 128 && fields.names.size() != 1 ? "a<TAB>b" : "";
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading whole = read(text, fields, expected, size), bytes = read(text, fields, expected, 1);
  fuzz::demand(whole.rows == bytes.rows && whole.why == bytes.why, "the cuts between blocks change nothing");
  if (!whole.why.empty() || whole.are_lines || fields.names.empty()) return 0;
  const Reading again = read(table_of(whole.rows, fields.names), fields, expected, 7);
  fuzz::demand(again.rows == whole.rows && again.why.empty(), "a table that is written of the records has the same");
  return 0;
}
