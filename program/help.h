// How the program's help looks: examples first.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace primer::program {

/// A command's help begins with its footer, where its examples are; CLI11 would put it last.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string help = app->get_footer() + "\n\n" + CLI::Formatter::make_help(app, name, mode);
    for (auto gap = help.find("\n\n\n"); gap != std::string::npos; gap = help.find("\n\n\n")) help.erase(gap, 1);
    return help.substr(0, help.find_last_not_of('\n') + 1) + "\n";
  }
  std::string make_footer(const CLI::App*) const override { return {}; }
};

/// Adds a command with a one-line description and its examples.
inline CLI::App* add_command(CLI::App& root, const std::string& name, const std::string& description,
                             const std::string& examples) {
  CLI::App* const command = root.add_subcommand(name, description);
  command->formatter(root.get_formatter());
  command->footer(examples);
  return command;
}

}  // namespace primer::program
