// What is damaged is never taken for a checkpoint: it is set aside, and the one before it takes its place.
#include <doctest/doctest.h>

#include "data/bytes/checksum.h"
#include "tests/train/store_sweeps.h"

namespace primer::test {

namespace {

const CheckpointId older{1}, newest{2};

// About 64 KiB in five files and a manifest.
Files large_files() {
  Files files;
  std::minstd_rand random(5);
  for (const auto& [name, bytes] : {std::pair{"config.json", 901},
                                    {"model.safetensors", 30000},
                                    {"moments.safetensors", 26000},
                                    {"state", 300},
                                    {"tokenizer.json", 8200}}) {
    for (int i = 0; i < bytes; ++i) files[name] += static_cast<char>(random() >> 8);
  }
  return files;
}

// Two checkpoints, of which the newer one is to be damaged.
struct Damaged {
  MemoryDisk disk;
  CheckpointStore store{store_folder, disk};
  std::vector<std::string> names;  // of the newer one's files

  Damaged() {
    disk.make_folder(run_folder);
    store.save(older, writers_of(files_of(older)));
    store.save(newest, writers_of(large_files()));
    disk.tree().settle();
    for (const auto& [name, bytes] : large_files()) names.push_back(name);
    names.push_back("manifest");
  }
  std::string& bytes(const std::string& name) { return *disk.file(path_of(newest) + "/" + name); }

  // The message with which the newer one is refused: "" if it is taken.
  std::string refusal() const {
    try {
      store.verify(newest);
      return "";
    } catch (const train::NewerFormat&) {
      return "newer";
    } catch (const autograd::Error& error) {
      return error.fault() == autograd::Fault::checkpoint ? error.what() : "not a checkpoint's fault";
    }
  }

  // Whether it is refused with a message that names the file.
  bool is_refused_for(const std::string& name) const {
    return refusal().find(path_of(newest) + "/" + name + ": ") != std::string::npos ||
           refusal().find("'" + path_of(newest) + "/" + name + "': ") != std::string::npos;
  }
};

// What is wrong with how a process recovers from such a disk, or "".
std::string wrong_fallback(MemoryDisk disk, const std::string& name) {
  const std::size_t used = disk.tree().used();
  CheckpointStore store(store_folder, disk);
  const CheckpointStore::Recovered recovered = store.recover();
  if (recovered.id != older) return "it recovered " + shown(recovered.id);
  if (recovered.warnings.size() != 1) return "it gave " + std::to_string(recovered.warnings.size()) + " warnings";
  const std::string& warning = recovered.warnings.front();
  if (warning.find("/" + name) == std::string::npos) return "it does not name " + name + ": " + warning;
  if (warning.find(path_of(newest) + ".broken") == std::string::npos) return "it does not say where it is: " + warning;
  if (disk.tree().find(path_of(newest) + ".broken") < 0) return "it is not aside";
  if (disk.tree().used() != used) return "something was deleted";
  if (!disk.tree().unsynced_changes().empty()) return "it may come back";
  if (!store.recover().warnings.empty()) return "it warns again";
  return "";
}

void flip_bits(std::size_t stride) {
  Damaged damaged;
  long flips = 0, accepted = 0, fallbacks = 0;
  for (const std::string& name : damaged.names) {
    std::string& bytes = damaged.bytes(name);
    const std::size_t step = name == "manifest" ? 1 : stride;
    for (std::size_t bit = flips % step; bit < 8 * bytes.size(); bit += step) {
      const auto flip = [&] { bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8); };
      flip();
      if (!damaged.is_refused_for(name)) ++accepted;
      if (++flips % 97 == 0) {
        ++fallbacks;
        CHECK(wrong_fallback(damaged.disk, name) == "");
      }
      flip();
    }
  }
  MESSAGE(flips << " bits flipped, " << accepted << " accepted; " << fallbacks << " recoveries from the one before");
  CHECK(accepted == 0);
  CHECK(damaged.refusal() == "");
}

void cut(std::size_t stride) {
  Damaged damaged;
  long cuts = 0, accepted = 0;
  for (const std::string& name : damaged.names) {
    std::string& bytes = damaged.bytes(name);
    const std::string whole = bytes;
    while (!bytes.empty()) {
      bytes.resize(bytes.size() - std::min(bytes.size(), stride));
      if (!damaged.is_refused_for(name)) ++accepted;
      if (++cuts % 97 == 0) CHECK(wrong_fallback(damaged.disk, name) == "");
    }
    bytes = whole;
  }
  MESSAGE(cuts << " cuts, " << accepted << " accepted");
  CHECK(accepted == 0);
}

}  // namespace

TEST_CASE("a checkpoint with a flipped bit is refused with the file's name, and the one before takes its place") {
  flip_bits(61);
}

TEST_CASE("a checkpoint that is cut is refused with the file's name, and the one before takes its place") { cut(5); }

TEST_SUITE("long") {
  TEST_CASE("a checkpoint of 64 KiB with any bit in 13 flipped is refused") { flip_bits(13); }
  TEST_CASE("a checkpoint of 64 KiB cut at every second byte is refused") { cut(2); }
}

TEST_SUITE("campaign") {
  TEST_CASE("a checkpoint of 64 KiB with any single bit flipped is refused") { flip_bits(1); }
  TEST_CASE("a checkpoint of 64 KiB cut at any byte is refused") { cut(1); }
}

TEST_CASE("a checkpoint with longer, missing, zeroed or exchanged parts is refused") {
  Damaged damaged;
  const auto refused = [&](const std::string& name) {
    CAPTURE(name);
    CHECK(damaged.is_refused_for(name));
    CHECK(wrong_fallback(damaged.disk, name) == "");
  };
  long cases = 0;
  for (const std::string& name : damaged.names) {
    std::string& bytes = damaged.bytes(name);
    const std::string whole = bytes;
    for (const char* more : {"\n", "x"}) {
      bytes += more;
      refused(name);
      bytes = whole;
    }
    bytes.push_back('\0');
    refused(name);
    bytes = whole;
    for (std::size_t begin = 0; begin < whole.size(); begin += FileTree::sector, ++cases) {
      bytes.replace(begin, FileTree::sector, std::min(FileTree::sector, whole.size() - begin), '\0');
      refused(name);
      bytes = whole;
      for (std::size_t other = 0; other < begin && begin + FileTree::sector <= whole.size();
           other += 9 * FileTree::sector, ++cases) {
        for (std::size_t i = 0; i < FileTree::sector; ++i) std::swap(bytes[begin + i], bytes[other + i]);
        refused(name);
        bytes = whole;
      }
    }
    MemoryDisk without = damaged.disk;
    without.remove(path_of(newest) + "/" + name);
    without.tree().settle();
    CHECK(wrong_fallback(without, name) == "");
    for (const std::string& other : damaged.names) {
      if (other <= name) continue;
      std::swap(bytes, damaged.bytes(other));
      CHECK(damaged.refusal() != "");
      std::swap(bytes, damaged.bytes(other));
    }
  }
  MESSAGE(cases << " sectors zeroed or exchanged");
  CHECK(damaged.refusal() == "");
}

TEST_CASE("a checkpoint whose manifest is that of another moment is refused") {
  Damaged damaged;
  const std::string renamed = path_of({3});
  REQUIRE(damaged.disk.rename(path_of(newest), renamed) == 0);
  CHECK_THROWS_AS(damaged.store.verify({3}), autograd::Error);
  CHECK(damaged.store.recover().id == older);
}

TEST_CASE("a file or an empty folder that has a checkpoint's name is set aside") {
  for (const bool is_folder : {false, true}) {
    Damaged damaged;
    const std::string path = path_of({3});
    if (is_folder) {
      damaged.disk.make_folder(path);
    } else {
      data::write_file_atomically(path, "no folder", damaged.disk);
    }
    const CheckpointStore::Recovered recovered = damaged.store.recover();
    CHECK(recovered.id == newest);
    CHECK(recovered.warnings.size() == 1);
    CHECK(damaged.disk.tree().find(path + ".broken") > 0);
  }
}

TEST_CASE("a file beside a checkpoint's own is not looked at") {
  Damaged damaged;
  data::write_file_atomically(path_of(newest) + "/notes", "of a person", damaged.disk);
  CHECK(damaged.refusal() == "");
  CHECK(damaged.store.recover().id == newest);
}

TEST_CASE("a checkpoint of a later program stops a recovery, and nothing is renamed") {
  Damaged damaged;
  std::string& text = damaged.bytes("manifest");
  text = "primer checkpoint 2\nanything\n";
  char end[16];
  std::snprintf(end, sizeof end, "end %08x\n", data::crc32c(text));
  text += end;
  const auto before = damaged.disk.tree().paths();
  CHECK_THROWS_AS(damaged.store.recover(), train::NewerFormat);
  CHECK(damaged.disk.tree().paths() == before);
}

TEST_CASE("where all are broken, recovery refuses and deletes nothing, however often it is tried") {
  Damaged damaged;
  damaged.bytes("state")[0] ^= 1;
  (*damaged.disk.file(path_of(older) + "/model"))[9] ^= 1;
  const std::size_t used = damaged.disk.tree().used();
  for (int time = 0; time < 3; ++time) {
    try {
      damaged.store.recover();
      FAIL("it recovered");
    } catch (const autograd::Error& error) {
      CHECK(error.fault() == autograd::Fault::checkpoint);
    }
    CHECK(damaged.disk.tree().used() == used);
  }
  // broken again, of the same name: no two are mixed
  damaged.store.save(newest, writers_of(large_files()));
  damaged.bytes("state")[0] ^= 1;
  CHECK_THROWS_AS(damaged.store.recover(), autograd::Error);
  CHECK(damaged.disk.tree().find(path_of(newest) + ".broken") > 0);
  CHECK(damaged.disk.tree().find(path_of(newest) + ".broken.2") > 0);
}

TEST_CASE("a broken checkpoint survives, and the whole one is found, whatever happens while it is set aside") {
  Damaged damaged;
  damaged.bytes("state")[0] ^= 1;
  damaged.disk.tree().settle();
  const std::size_t used = damaged.disk.tree().used();
  long cases = 0;
  const auto check = [&](MemoryDisk disk) {
    disk.restart();
    ++cases;
    CHECK(disk.tree().used() == used);
    CHECK(CheckpointStore(store_folder, disk).recover().id == older);
    CHECK(disk.tree().used() == used);
  };
  using Kind = Trouble::Kind;
  for (const Kind kind : {Kind::kill_before, Kind::kill_after, Kind::error}) {
    bool struck = true;
    for (long call = 1; struck; ++call) {
      MemoryDisk disk = damaged.disk;
      disk.arm({.kind = kind, .at = call});
      attempt(disk, [&] { CheckpointStore(store_folder, disk).recover(); });
      struck = disk.struck();
      check(disk);
      PowerLoss(disk.tree(), 50, 1).each([&](FileTree left) { check(MemoryDisk(std::move(left))); });
    }
  }
  MESSAGE(cases << " cases");
}

TEST_CASE("a checkpoint that the disk does not give out is passed over, and stays under its name") {
  Damaged damaged;
  const auto before = damaged.disk.tree().paths();
  long passed_over = 0;
  bool struck = true;
  for (long call = 1; struck; ++call) {
    MemoryDisk disk = damaged.disk;
    disk.arm({.kind = Trouble::Kind::error, .at = call, .only = Trouble::Call::read});
    const CheckpointStore::Recovered recovered = CheckpointStore(store_folder, disk).recover();
    struck = disk.struck();
    if (recovered.id == older) ++passed_over;
    CHECK(recovered.warnings.size() == (recovered.id == older ? 1 : 0));
    CHECK(disk.tree().paths() == before);
  }
  CHECK(passed_over == 6);  // each of its files is read in one piece
}

}  // namespace primer::test
