// Where a test finds the sources and the programs. Compiled into tests/main.cpp alone, so that the tests' object files
// are the same in every folder, and a compiler cache knows them again.
#pragma once

/// The folder of the repository: golden files, documents.
const char* source_directory();

/// The folder of the build: the programs under test.
const char* binary_directory();
