// A checkpoint's manifest, and the same with the checksum that it should have: without it no input would come far.
#include "train/checkpoints/manifest.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "data/bytes/checksum.h"
#include "tests/fuzz/oracle.h"

using namespace primer;

namespace {

void parse(std::string_view text) {
  fuzz::accepts({autograd::Fault::checkpoint}, [&] {
    const train::Manifest manifest = train::parse_manifest(text, "manifest");
    fuzz::demand(to_text(manifest) == text, "a manifest is written as it was read");
    fuzz::demand(manifest.step >= 0, "a step is not negative");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  parse(text);
  const std::string_view body = text.substr(0, text.rfind("end "));
  char ending[16];
  std::snprintf(ending, sizeof ending, "end %08x\n", data::crc32c(body));
  parse(std::string(body) + ending);
  return 0;
}
