// A process that is killed at any call, or whose calls fail, loses no checkpoint.
#include <doctest/doctest.h>

#include "tests/train/store_failures.h"

namespace primer::test {

namespace {

template <class Sweep>
void check_all(const std::string& what, Sweep sweep) {
  Findings findings;
  for (const Scenario& s : quick_scenarios(primer_protocol())) findings += sweep(s);
  MESSAGE(what << ": " << findings.cases << " cases");
  CAPTURE(findings.first);
  CHECK(findings.cases > 0);
  CHECK(findings.violations == 0);
}

}  // namespace

TEST_CASE("a process killed before or after any call of a save loses nothing") {
  check_all("killed", [](const Scenario& s) { return sweep_kills(s, primer_protocol()); });
}

TEST_CASE("a process killed at any call of a recovery loses nothing, nor does the one that comes after it") {
  check_all("killed again", [](const Scenario& s) { return sweep_kills_in_recovery(s, primer_protocol()); });
}

TEST_CASE("a save whose calls fail changes nothing, and the next one succeeds") {
  check_all("failing saves", [](const Scenario& s) { return sweep_failing_saves(s, primer_protocol(), failures()); });
}

TEST_CASE("a recovery whose calls fail loses nothing, and the next one succeeds") {
  check_all("failing recoveries", [](const Scenario& s) {
    const std::vector<Trouble> few{{.kind = Trouble::Kind::error},
                                   {.kind = Trouble::Kind::error, .repeat = Trouble::Repeat::for_ever},
                                   {.kind = Trouble::Kind::shortened, .only = Trouble::Call::read}};
    return sweep_failing_recoveries(s, primer_protocol(), few);
  });
}

TEST_SUITE("long") {
  TEST_CASE("a recovery whose calls fail in whatever way loses nothing, and the next one succeeds") {
    check_all("failing recoveries",
              [](const Scenario& s) { return sweep_failing_recoveries(s, primer_protocol(), failures()); });
  }
}

TEST_CASE("a full disk refuses a save and gets its space back, whatever its size") {
  long refused = 0, saved = 0;
  for (const Scenario& s : scenarios(primer_protocol())) {
    const std::size_t used = s.before.tree().used();
    const auto before = s.before.tree().paths();
    for (std::size_t capacity = used; capacity < used + 4000; capacity += 100) {
      MemoryDisk disk = s.before;
      disk.set_capacity(capacity);
      bool reported = false;
      try {
        s.run(disk, primer_protocol(), reported);
        ++saved;
      } catch (const autograd::Error& error) {
        ++refused;
        CHECK(error.fault() == autograd::Fault::io);
        CHECK(std::string(error.what()).find("free some space") != std::string::npos);
        auto after = disk.tree().paths();
        if (s.old.known.size() == 1) after.erase("/" + store_folder + "/");  // the first save makes it
        CHECK(after == before);
      }
      CAPTURE(s.name);
      CAPTURE(capacity);
      CHECK(violation(disk, primer_protocol(), s.expected(reported)) == "");
    }
  }
  MESSAGE("on a full disk " << refused << " saves were refused, " << saved << " fitted");
  CHECK(refused > 0);
  CHECK(saved > 0);
}

TEST_CASE("bytes that the disk gives back otherwise are no checkpoint, and the error is the disk's") {
  // This file writes past what it appended: the manifest's checksum is that of other bytes.
  const Scenario s = scenarios(primer_protocol()).back();
  MemoryDisk disk = s.before;
  const auto lie = [](data::OutputFile& file) {
    file.append("what was meant");
    file.write_at("!", 1, 3);
  };
  try {
    CheckpointStore(store_folder, disk).save({4}, {{"model", lie}});
    FAIL("it was saved");
  } catch (const autograd::Error& error) {
    CHECK(error.fault() == autograd::Fault::io);
    CHECK(std::string(error.what()).find("read back otherwise") != std::string::npos);
  }
  CHECK(disk.tree().paths() == s.before.tree().paths());
}

}  // namespace primer::test
