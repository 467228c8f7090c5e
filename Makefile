# The usual commands; CMakeLists.txt does the work.
.PHONY: all all-tests install demo test test-blas test-threads test-v3 test-long test-page test-outside test-readme campaign sanitize sanitize-studies \
  fuzz bench bench-check format check-format portable test-portable aarch64 dependencies check clean
JOBS := $(shell nproc 2>/dev/null || echo 2)
CONFIGURE = @cmake -S . -G Ninja --log-level=NOTICE
BUILD = @cmake --build $(1) -j $(JOBS)
TEST = ctest --output-on-failure --no-tests=error --timeout 1800 --test-dir
# On a busy machine threads that spin while they wait make a small model many times slower; asleep they cost little.
demo test test-blas test-threads test-v3 test-long test-page test-outside test-readme campaign sanitize sanitize-studies test-portable: \
  export OMP_WAIT_POLICY ?= passive

all: check  # the program: build/primer
	$(CONFIGURE) -B build
	$(call BUILD,build) --target primer

PREFIX ?= /usr/local
install: all  # the program, and the library for other programs: bin, lib and include of PREFIX
	cmake --install build --prefix $(PREFIX)

demo: dependencies  # installs what is missing, builds, learns a short story nearly by heart, and tells it anew
	@$(MAKE) --no-print-directory all
	build/primer train docs/data/story.txt -o runs/demo --steps 1000 --force
	build/primer sample runs/demo --checkpoint last --temperature 0.5 --tokens 300

all-tests: dependencies  # installs what is missing, builds the program and its tests
	$(CONFIGURE) -B build
	$(call BUILD,build)

test: all-tests  # and runs the quick tests
	$(TEST) build -j $(JOBS)

# Products are made of our own tiles; BLAS makes them by --no-deterministic. It has kernels for each processor.
CORES ?= Haswell Sandybridge
test-blas: all-tests  # the products, and a training, by BLAS's kernels of other processors
	@for core in $(CORES); do \
	  echo "OPENBLAS_CORETYPE=$$core"; export OPENBLAS_CORETYPE=$$core; \
	  build/test_autograd -sf='*product_test*' && build/test_train -sf='*products_test*' || exit 1; \
	done

COMPUTING = -tse=long,campaign
test-threads: all-tests  # what computes, with other numbers of threads than this machine's
	@for threads in 1 3; do \
	  echo "OMP_NUM_THREADS=$$threads"; export OMP_NUM_THREADS=$$threads; \
	  for room in autograd nn optim; do build/test_$$room $(COMPUTING) || exit 1; done; \
	  build/test_train -sf='*products_test*' || exit 1; \
	done

test-v3: check  # what computes, and a training, compiled for processors with vectors of 32 bytes
	$(CONFIGURE) -B build-v3 -DPRIMER_ARCH=x86-64-v3
	@cmake --build build-v3 -j $(JOBS) --target test_autograd test_nn test_optim example_train_a_text
	@for room in autograd nn optim; do build-v3/test_$$room $(COMPUTING) || exit 1; done
	rm -rf build-v3/run && build-v3/example_train_a_text README.md build-v3/run

test-long: all-tests  # the tests that take longer: minutes, all together
	@for program in build/test_*; do \
	  echo "$$program -ts=long"; "$$program" -ts=long || exit 1; \
	done
	@$(MAKE) --no-print-directory test-outside test-page

test-outside:  # other projects' programs, with primer as a part of them or installed: equal bits; installs pkg-config
	@sh dependencies.sh install pkg-config
	$(CONFIGURE) -B build
	$(call BUILD,build) --target primer example_one_step example_train_a_text
	sh tests/outside/outside.sh

test-readme: all  # README's commands, as they stand there, up to "What it shows"
	tests/readme/type_readme.sh

campaign: all-tests  # what takes an hour: every kill, every system call, every flipped bit, thousands of races, fuzzing
	@for program in build/test_*; do \
	  echo "$$program -ts=campaign"; "$$program" -ts=campaign || exit 1; \
	done
	build/primer study all --force
	@$(MAKE) --no-print-directory sanitize-studies fuzz

test-page:  # the page of `primer attention` in a real browser; installs Chromium and its driver
	@sh dependencies.sh install chromium chromium-driver python3-selenium
	@$(MAKE) --no-print-directory all
	/usr/bin/python3 tests/page/page_test.py build/primer

sanitize: check  # the quick tests but those of studies, with every access and every undefined operation checked
	$(SANITIZED)
	$(call BUILD,build-sanitize) --target $(foreach room,autograd nn optim data train house,test_$(room)) \
	  example_one_step example_train_a_text primer fuzz_corpus
	$(CHECKED) -E '^studies$$'

sanitize-studies: check  # those of studies
	$(SANITIZED)
	$(call BUILD,build-sanitize) --target test_studies primer
	$(CHECKED) -R '^studies$$'

SANITIZED = $(CONFIGURE) -B build-sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" -DPRIMER_SANITIZE=address,undefined
CHECKED = ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1 \
  UBSAN_OPTIONS=print_stacktrace=1 $(TEST) build-sanitize -j $(JOBS)

# Another version of clang-format lays code out in another way: this one is Debian 12's.
SOURCES = git ls-files '*.h' '*.cpp'
check-format:  # every source is laid out as .clang-format says; installs clang-format
	@sh dependencies.sh install clang-format-14
	@$(SOURCES) | xargs clang-format-14 --dry-run -Werror

format:  # lays every source out so
	@sh dependencies.sh install clang-format-14
	@$(SOURCES) | xargs clang-format-14 -i

FUZZ_SECONDS ?= 60
fuzz:  # looks for files that break a reader, FUZZ_SECONDS for each; needs clang, and installs it
	@sh dependencies.sh install clang libclang-rt-14-dev libomp-14-dev
	$(CONFIGURE) -B build-fuzz -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g -fsanitize=fuzzer-no-link" -DPRIMER_SANITIZE=address,undefined -DPRIMER_FUZZ=ON
	@cmake --build build-fuzz -j $(JOBS) --target fuzzers
	@for name in config manifest records run safetensors state tokenizer; do \
	  mkdir -p build-fuzz/corpus/$$name; \
	  build-fuzz/fuzz_$$name build-fuzz/corpus/$$name tests/fuzz/corpus/$$name \
	    -dict=tests/fuzz/dictionaries/$$name.dict -artifact_prefix=build-fuzz/$$name- -max_total_time=$(FUZZ_SECONDS) \
	    -max_len=8192 -timeout=5 -rss_limit_mb=512 -malloc_limit_mb=64 -print_final_stats=1 || exit 1; \
	done

bench: all
	build/primer bench

bench-check: all  # fails when a training step's share of the peak is a tenth below what was committed
	build/primer bench --cases B,C --parts training --check tests/bench/shares.json

LEVELS ?= x86-64 x86-64-v3 x86-64-v4
portable: check  # a program for any x86-64, with a library for each of LEVELS: build-portable/bin/primer
	@for level in $(LEVELS); do \
	  cmake -S . -B build-portable/$$level -G Ninja --log-level=NOTICE -DPRIMER_ARCH=$$level && \
	  cmake --build build-portable/$$level -j $(JOBS) --target primer && \
	  cmake --install build-portable/$$level --prefix build-portable --component program || exit 1; \
	done

test-portable: portable  # the quick tests at each of LEVELS; this machine must have them
	@for level in $(LEVELS); do \
	  cmake --build build-portable/$$level -j $(JOBS) && $(TEST) build-portable/$$level || exit 1; \
	done

aarch64:  # compiles program and tests for 64-bit ARM with Debian's cross compiler, and installs what that needs
	@sh dependencies.sh install g++-aarch64-linux-gnu libopenblas-openmp-dev:arm64 libutf8proc-dev:arm64
	$(CONFIGURE) -B build-aarch64 --toolchain cmake/aarch64.cmake
	$(call BUILD,build-aarch64)

dependencies:
	@sh dependencies.sh

check:
	@sh dependencies.sh check

clean:
	rm -rf build build-sanitize build-fuzz build-v3 build-outside build-portable build-aarch64
