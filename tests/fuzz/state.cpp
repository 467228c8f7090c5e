// A training's state, as a file, and as the record behind the checksum: whoever makes a file can make its checksum.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/oracle.h"
#include "train/checkpoints/training_state.h"

using namespace primer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz::accepts({autograd::Fault::checkpoint}, [&] {
    fuzz::demand(encode_state(train::decode_state(bytes, "state")) == bytes, "a state is written as it was read");
  });
  for (const std::size_t title : {0, 16}) {  // the input is a record, or a file whose checksum nobody looks at
    if (bytes.size() < title) continue;
    const std::string_view record = bytes.substr(title);
    fuzz::accepts({autograd::Fault::checkpoint}, [&] {
      const std::string again = encode_state(train::decode_state_record(record, "state"));
      fuzz::demand(again.ends_with(record), "a record is written as it was read");
      fuzz::demand(encode_state(train::decode_state(again, "again")) == again, "what was written is accepted");
    });
  }
  return 0;
}
