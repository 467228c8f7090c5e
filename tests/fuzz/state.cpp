// A training's state, as a file, and as the record behind the checksum: whoever makes a file can make its checksum.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/oracle.h"
#include "train/checkpoints/training_state.h"

using namespace primer;

// Whether a record is written as it was read: byte for byte, or of an older version all its fields, with those that
// came later behind them.
static bool keeps(std::string_view written, std::string_view read) {
  constexpr std::size_t version = 4;  // bytes
  if (written.substr(0, version) == read.substr(0, version)) return written == read;
  return written.substr(version).starts_with(read.substr(version));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t title_bytes = 16;
  fuzz::accepts({autograd::Fault::checkpoint}, [&] {
    const std::string again = encode_state(train::decode_state(bytes, "state"));
    fuzz::demand(keeps(std::string_view(again).substr(title_bytes), bytes.substr(title_bytes)),
                 "a state is written as it was read");
  });
  for (const std::size_t title :
       {std::size_t{0}, title_bytes}) {  // the input is a record, or a file whose checksum nobody looks at
    if (bytes.size() < title) continue;
    const std::string_view record = bytes.substr(title);
    fuzz::accepts({autograd::Fault::checkpoint}, [&] {
      const std::string again = encode_state(train::decode_state_record(record, "state"));
      fuzz::demand(keeps(std::string_view(again).substr(title_bytes), record), "a record is written as it was read");
      fuzz::demand(encode_state(train::decode_state(again, "again")) == again, "what was written is accepted");
    });
  }
  return 0;
}
