// A configuration file. What is accepted says the same when it is written and read again; what is refused changes
// nothing.
#include "train/tasks/config.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/oracle.h"

using namespace primer;
using train::Config;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Config config;
  config.steps = 1;  // its 0 says that nobody chose yet, and is no value to be read
  const std::string before = to_json(config);
  const bool accepted =
      fuzz::accepts({autograd::Fault::usage}, [&] { read_json(config, text, "c.json", train::ChosenBy::file); });
  if (!accepted) {
    fuzz::demand(to_json(config) == before && config.sources == Config().sources, "a refused file changes nothing");
    return 0;
  }
  for (const train::Layout layout : {train::Layout::lines, train::Layout::one_line}) {
    Config again;
    read_json(again, to_json(config, layout), "again", train::ChosenBy::file);
    fuzz::demand(to_json(again) == to_json(config), "what was written reads back the same");
  }
  fuzz::accepts({autograd::Fault::usage}, [&] { model_config(config, 65).check(); });
  return 0;
}
