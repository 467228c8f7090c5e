// The whole program as one function. Only it is asked for by main(), which a portable build compiles for every
// processor; all that computes is then in a library that the loader chooses.
#pragma once

namespace primer::program {

/// Runs the command that the arguments name; returns the exit code. The arguments are main's.
int run_program(int argc, char** argv);

}  // namespace primer::program
