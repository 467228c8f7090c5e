#include "train/program/program.h"

int main(int argc, char** argv) { return primer::train::run_program(argc, argv); }
