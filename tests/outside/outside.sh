#!/bin/sh
# Other projects' programs: with primer as a part of the project, with an installed primer by find_package and by
# pkg-config, and with flags that do not fit primer's. All compute the bits of the same programs inside. Ends at the
# first difference. Begun in the repository, when `build` has the library and the examples.
set -eu

build=$PWD/build
out=$PWD/build-outside
prefix=$out/prefix
rm -rf "$prefix" "$out"/*.txt "$out"/run-*
cmake --install "$build" --prefix "$out/elsewhere" --component library >/dev/null
mv "$out/elsewhere" "$prefix"  # what is installed may be moved

train_a_text() {  # train_a_text WAY FOLDER: into run-WAY; what it says is shown when it fails
  "$2/train_a_text" README.md "$out/run-$1" >"$out/run-$1.txt" 2>&1 || { cat "$out/run-$1.txt"; exit 1; }
}

expect_same() {  # expect_same WAY FOLDER: the programs in FOLDER compute what those inside did
  "$2/one_step" >"$out/$1.txt"
  cmp "$out/inside.txt" "$out/$1.txt"
  train_a_text "$1" "$2"
  last=checkpoints/step-000000120/model.safetensors  # those between are saved when time is over
  cmp "$out/run-inside/$last" "$out/run-$1/$last"
  echo "$1: equal bits"
}

mkdir -p "$out/inside"
ln -sf "$build/example_one_step" "$out/inside/one_step"
ln -sf "$build/example_train_a_text" "$out/inside/train_a_text"
"$out/inside/one_step" >"$out/inside.txt"
train_a_text inside "$out/inside"

cmake -S docs/examples -B "$out" -G Ninja --log-level=NOTICE -DPRIMER="$PWD"  # beside `build`: the cache has it all
cmake --build "$out"
expect_same part "$out"

cmake -S docs/examples -B "$out/package" -G Ninja --log-level=NOTICE -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$out/package"
expect_same package "$out/package"

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
compile() {  # compile FOLDER FLAG...: the programs, with these flags and the installed library
  folder=$out/$1
  shift
  mkdir -p "$folder"
  for source in docs/examples/one_step.cpp docs/examples/train_a_text.cpp tests/outside/both.cpp; do
    # shellcheck disable=SC2046  # these are words
    ${CXX:-g++} -std=c++20 "$@" "$source" $(pkg-config --libs primer) -o "$folder/$(basename "$source" .cpp)"
  done
}
# shellcheck disable=SC2046
compile pkg-config -O2 $(pkg-config --cflags primer)
expect_same pkg-config "$out/pkg-config"
"$out/pkg-config/both" >"$out/both.txt"

# Flags of one's own, narrower vectors and no OpenMP among them: the library's code is the library's.
for flags in -O0 -O2 "-O2 -march=x86-64-v3 -fopenmp"; do
  way=$(echo "flags$flags" | tr -d ' ')
  # shellcheck disable=SC2086
  compile "$way" $flags -I"$prefix/include/primer"
  expect_same "$way" "$out/$way"
  "$out/$way/both" | cmp "$out/both.txt" -
done
