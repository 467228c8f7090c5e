// The commands of the program. Each adds itself to the command line; its callback runs it and throws what goes wrong.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace primer::program {

/// "0.1.0", and the commit it was built from where that is known: "0.1.0, commit 30268a5".
std::string version();

/// Adds a command with a one-line description and its examples, with which its help begins.
CLI::App* add_command(CLI::App& root, const std::string& name, const std::string& description,
                      const std::string& examples);

/// "primer tokenize train"
std::string full_name(const CLI::App& command);

/// What --help says of a command.
std::string help_of(const CLI::App& command);

/// Why `word` is no command of this one, with the nearest that is.
std::string unknown_command(const CLI::App& command, const std::string& word);

/// A command ended by a signal, after it had saved what there was to save.
struct Stopped {
  int signal;
};

/// A comparison found what it was to find; all has been said. Exit code 1, as of diff and grep.
struct Different {};

void add_train(CLI::App& root);
void add_sample(CLI::App& root);
void add_score(CLI::App& root);
void add_translate(CLI::App& root);
void add_eval(CLI::App& root);
void add_fill(CLI::App& root);
void add_classify(CLI::App& root);
void add_embed(CLI::App& root);
void add_info(CLI::App& root);
void add_tokenize(CLI::App& root);
void add_report(CLI::App& root);
void add_attention(CLI::App& root);
void add_circuits(CLI::App& root);
void add_bench(CLI::App& root);
void add_study(CLI::App& root);
void add_help(CLI::App& root);
void add_completion(CLI::App& root);

}  // namespace primer::program
