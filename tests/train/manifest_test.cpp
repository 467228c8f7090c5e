#include "train/checkpoints/manifest.h"

#include <doctest/doctest.h>

#include "data/bytes/checksum.h"

namespace primer::train {

namespace {

const Manifest example{1000, {{"model.safetensors", 3190123, 0x8a3bc1d2u}, {"state", 0, 0}}};

// What the parser says about a text: "" if it takes it.
std::string refusal(const std::string& text) {
  try {
    parse_manifest(text, "somewhere/manifest");
    return "";
  } catch (const NewerFormat& error) {
    return std::string("newer: ") + error.what();
  } catch (const autograd::Error& error) {
    CHECK(error.fault() == autograd::Fault::checkpoint);
    return error.what();
  }
}

// The last line that belongs to these lines.
std::string sealed(const std::string& lines) {
  char end[16];
  std::snprintf(end, sizeof end, "end %08x\n", data::crc32c(lines));
  return lines + end;
}

}  // namespace

TEST_CASE("a manifest reads as it is written") {
  const std::string text = to_text(example);
  CHECK(text.starts_with("primer checkpoint 1\nstep 1000\nmodel.safetensors 3190123 8a3bc1d2\nstate 0 00000000\nend "));
  const Manifest read = parse_manifest(text, "manifest");
  CHECK(read.step == 1000);
  CHECK(read.files == example.files);
  CHECK(sealed(text.substr(0, text.find("end "))) == text);
}

TEST_CASE("a manifest with any bit flipped, cut anywhere or longer is refused, and never taken for a newer one") {
  const std::string text = to_text(example);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    CAPTURE(bit);
    const std::string why = refusal(damaged);
    CHECK(why.starts_with("somewhere/manifest: "));
  }
  for (std::size_t length = 0; length < text.size(); ++length) CHECK(refusal(text.substr(0, length)) != "");
  CHECK(refusal(text + "\n") != "");
  CHECK(refusal(text + text) != "");
  CHECK(refusal(std::string(Manifest::most_bytes + 1, 'x')) != "");
}

TEST_CASE("a manifest whose checksum is right must still be what this program writes") {
  const std::string head = "primer checkpoint 1\n";
  CHECK(refusal(sealed(head + "step 7\na 1 00000002\n")) == "");
  for (const char* lines :
       {"", "step\n", "step -7\n", "step 07\n", "step +7\n", "step 99999999999999999999\n", "step 7", "step 7\n\n",
        "step 7\na\n", "step 7\na 1\n", "step 7\na 1 2\n", "step 7\na -1 00000002\n", "step 7\na 01 00000002\n",
        "step 7\n 1 00000002\n", "step 7\na 1 0000000g\n", "step 7\na 1 0000000A\n", "step 7\na 1 000000002\n",
        "step 7\na 99999999999999999999 00000002\n", "step 7\na 1 00000002"}) {
    CAPTURE(lines);
    CHECK(refusal(sealed(head + lines)) != "");
  }
  CHECK(refusal(sealed("primer checkpoint 0\nstep 7\n")) != "");
  CHECK(refusal(sealed("primer checkpoint x\nstep 7\n")) != "");
  CHECK(refusal(sealed("primer checkpoint\nstep 7\n")) != "");
}

TEST_CASE("a whole manifest of a later format says so, whatever stands in it") {
  const std::string why = refusal(sealed("primer checkpoint 2\nsomething of the future\n"));
  CHECK(why.starts_with("newer: somewhere/manifest: "));
  CHECK(why.find("format 2") != std::string::npos);
}

}  // namespace primer::train
