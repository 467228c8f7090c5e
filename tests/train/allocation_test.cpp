// The trainer's own step, batches included, asks for no memory once it is running.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

#include "tests/train/planned.h"
#include "train/step/trainer.h"

#if !defined(__SANITIZE_ADDRESS__)  // which has an operator new of its own

namespace {
std::atomic<long> news = 0;

void* counted(std::size_t bytes, std::size_t alignment) {
  ++news;
  void* memory = nullptr;
  if (::posix_memalign(&memory, alignment, bytes) != 0) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, std::max(static_cast<std::size_t>(alignment), alignof(std::max_align_t)));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace primer::train;

TEST_CASE("after its second step the trainer allocates nothing, whatever its objective") {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i * 7919 % 1000) + " of a text that goes on\n";
  for (const char* objective : {"lm", "mlm"}) {
    INFO(std::string(objective));
    const Plan plan = make_plan(wishes({{"objective", objective},
                                        {"val_fraction", "0"},
                                        {"layers", "2"},
                                        {"heads", "2"},
                                        {"channels", "16"},
                                        {"context", "16"},
                                        {"batch", "4"},
                                        {"accumulate", "2"},
                                        {"dropout", "0.1"},
                                        {"steps", "100"}}),
                                SurveyedText(text).facts);
    const primer::data::TokenVector tokens(plan.tokenizer->encode(text));
    Trainer<float> trainer(plan.config, *plan.tokenizer, tokens);
    trainer.step();
    trainer.step();
    const long before = news;
    CHECK(before > 0);                            // the count counts
    for (int i = 0; i < 60; ++i) trainer.step();  // over an epoch's border
    CHECK(trainer.epochs() > 1);
    CHECK(news - before == 0);
  }
}

#endif
