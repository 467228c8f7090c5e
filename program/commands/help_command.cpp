#include <algorithm>
#include <vector>

#include "autograd/error.h"
#include "program/commands.h"
#include "program/output.h"

namespace primer::program {

void add_help(CLI::App& root) {
  CLI::App* const command = add_command(root, "help", "show what a command does, as COMMAND --help",
                                        "Examples:\n"
                                        "  primer help\n"
                                        "  primer help tokenize train");
  command->prefix_command();  // what follows is read as words, and no command of its own
  command->callback([command, &root] {
    const CLI::App* found = &root;
    for (const std::string& word : command->remaining()) {
      const std::vector<const CLI::App*> parts = found->get_subcommands({});
      const auto next = std::find_if(parts.begin(), parts.end(), [&](auto* part) { return part->get_name() == word; });
      if (next == parts.end()) throw autograd::Error(autograd::Fault::usage, unknown_command(*found, word));
      found = *next;
    }
    put(help_of(*found));
  });
}

}  // namespace primer::program
