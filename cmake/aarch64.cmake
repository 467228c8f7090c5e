# Compiles for 64-bit ARM with Debian's cross compiler.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(PRIMER_ARCH armv8-a CACHE STRING "")
# cereal is headers alone, but Debian keeps its CMake file with those of the machine that compiles.
file(GLOB cereal_DIR /usr/lib/*/cmake/cereal)
