// What a shell needs to complete primer's command lines, made from the options as they are declared.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>

#include "program/commands.h"
#include "program/output.h"

namespace primer::program {

namespace {

struct Word {
  std::string text, help;
};

struct Choice {
  Word option;                      // --name or -n
  bool takes_value = false;         // the next word is its value
  std::vector<std::string> values;  // that it may have, none: a file or anything
};

// A command, and what may stand behind it.
struct Completed {
  std::string path;  // " tokenize train"; "" is primer itself
  std::vector<Word> commands;
  std::vector<Choice> options;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// "lm|mlm|classify" in parts; a part in capitals, such as SIZE, stands for anything.
std::vector<std::string> values_of(const std::string& name) {
  const std::string type = name.substr(0, name.find(":{"));  // where CLI11 tells of a check
  std::vector<std::string> values;
  if (type.find('|') == type.npos) return values;
  for (std::size_t begin = 0; begin <= type.size();) {
    const std::size_t end = std::min(type.find('|', begin), type.size());
    const std::string value = type.substr(begin, end - begin);
    if (std::none_of(value.begin(), value.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) values.push_back(value);
    begin = end + 1;
  }
  return values;
}

void collect(const CLI::App& command, const std::string& path, std::vector<Completed>& all) {
  Completed one{path, {}, {}};
  const CLI::App* const named = command.get_name() == "help" ? command.get_parent() : &command;
  for (const CLI::App* const other : named->get_subcommands({}))
    if (other != &command) one.commands.push_back({other->get_name(), first_line(other->get_description())});
  for (const CLI::Option* const option : command.get_options()) {
    if (option->get_positional())
      for (const std::string& value : values_of(option->get_type_name())) one.commands.push_back({value, ""});
    std::vector<std::string> names;
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : names) {
      const bool takes_value = option->get_items_expected_max() > 0 && option->get_type_size() > 0;
      one.options.push_back(
          {{name, first_line(option->get_description())}, takes_value, values_of(option->get_type_name())});
    }
  }
  all.push_back(std::move(one));
  for (const CLI::App* const other : command.get_subcommands({})) collect(*other, path + " " + other->get_name(), all);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Within single quotes; characters of `escaped` get a backslash.
std::string quoted(const std::string& text, const char* escaped = "") {
  std::string out;
  for (const char c : text) {
    if (std::string_view(escaped).find(c) != std::string_view::npos) out += '\\';
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return "'" + out + "'";
}

// Words of `path` before the cursor that are commands; the same for bash and zsh.
std::string path_cases(const std::vector<Completed>& all) {
  std::string cases;
  for (const Completed& one : all)
    if (!one.path.empty()) cases += (cases.empty() ? "" : "|") + quoted(one.path);
  return cases;
}

std::string bash(const std::vector<Completed>& all) {
  std::string text =
      "_primer() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path= word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$path $word\" in\n      " +
      path_cases(all) + ") path+=\" $word\" ;;\n    esac\n  done\n  case \"$path $before\" in\n";
  for (const Completed& one : all) {
    for (const Choice& choice : one.options) {
      if (!choice.takes_value) continue;
      const std::string words =
          choice.values.empty() ? "" : "$(compgen -W " + quoted(joined(choice.values)) + " -- \"$current\")";
      text += "    " + quoted(one.path + " " + choice.option.text) + ") COMPREPLY=(" + words + "); return ;;\n";
    }
  }
  text += "  esac\n  case \"$path:$current\" in\n";
  for (const Completed& one : all) {
    std::vector<std::string> options, commands;
    for (const Choice& choice : one.options) options.push_back(choice.option.text);
    for (const Word& command : one.commands) commands.push_back(command.text);
    text += "    " + quoted(one.path + ":-") + "*) COMPREPLY=($(compgen -W " + quoted(joined(options)) +
            " -- \"$current\")) ;;\n";
    if (!commands.empty())
      text += "    " + quoted(one.path + ":") + "*) COMPREPLY=($(compgen -W " + quoted(joined(commands)) +
              " -- \"$current\")) ;;\n";
  }
  return text + "    *) COMPREPLY=() ;;\n  esac\n}\ncomplete -o default -F _primer primer\n";  // default: files
}

std::string zsh(const std::vector<Completed>& all) {
  std::string text =
      "#compdef primer\n_primer() {\n  local path_= i at=1 curcontext=$curcontext state line\n  typeset -A opt_args\n"
      "  for ((i = 2; i < CURRENT; ++i)); do\n    case \"$path_ ${words[i]}\" in\n      " +
      path_cases(all) +
      ") path_+=\" ${words[i]}\"; at=$i ;;\n    esac\n  done\n"
      "  words=(\"${(@)words[at,-1]}\")\n  ((CURRENT -= at - 1))\n  case $path_ in\n";
  for (const Completed& one : all) {
    text += "    " + quoted(one.path) + ")\n      _arguments -S";
    for (const Choice& choice : one.options) {
      const char* const escaped = "[]:\\";
      std::string spec = "*" + choice.option.text + "[";
      const std::string help = quoted(choice.option.help, escaped);
      spec += help.substr(1, help.size() - 2) + "]";
      if (choice.takes_value)
        spec += ":value:" + (choice.values.empty() ? "_files" : "(" + joined(choice.values) + ")");
      text += " \\\n        '" + spec + "'";
    }
    if (one.commands.empty()) {
      text += " \\\n        '*:file:_files'\n      ;;\n";
    } else {
      std::string list;
      for (const Word& command : one.commands) list += " " + quoted(command.text + ":" + command.help);
      text += " \\\n        '*::command:->command'\n      local -a commands=(" + list +
              ")\n      [[ $state == command ]] && _describe command commands\n      ;;\n";
    }
  }
  return text + "  esac\n}\nif [[ $funcstack[1] == _primer ]]; then _primer \"$@\"; else compdef _primer primer; fi\n";
}

std::string fish(const std::vector<Completed>& all) {
  std::string text;
  for (const Completed& one : all) {
    // Seen are the words of the path, and no command behind it; nor another one before it, a part of which may have
    // its name.
    std::string seen;
    if (std::count(one.path.begin(), one.path.end(), ' ') == 1) {
      std::vector<std::string> others;
      for (const Word& command : all[0].commands)
        if (" " + command.text != one.path) others.push_back(command.text);
      seen = "not __fish_seen_subcommand_from " + joined(others) + "; and ";
    }
    for (std::size_t begin = 1; begin < one.path.size();) {
      const std::size_t end = std::min(one.path.find(' ', begin), one.path.size());
      seen += "__fish_seen_subcommand_from " + one.path.substr(begin, end - begin) + "; and ";
      begin = end + 1;
    }
    std::vector<std::string> commands;
    for (const Word& command : one.commands) commands.push_back(command.text);
    if (!commands.empty()) seen += "not __fish_seen_subcommand_from " + joined(commands) + "; and ";
    const std::string when = "complete -c primer -n " + quoted(seen + "true");
    for (const Word& command : one.commands)
      text += when + " -f -a " + command.text + " -d " + quoted(command.help, "\\") + "\n";
    for (const Choice& choice : one.options) {
      const bool is_long = choice.option.text.starts_with("--");
      text += when + (is_long ? " -l " : " -s ") + choice.option.text.substr(is_long ? 2 : 1) +
              (choice.takes_value ? " -r" : "") +
              (choice.values.empty() ? "" : " -f -a " + quoted(joined(choice.values))) + " -d " +
              quoted(choice.option.help, "\\") + "\n";
    }
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& root) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* const command =
      add_command(root, "completion", "write what a shell needs to complete commands and options",
                  "Examples:\n"
                  "  source <(primer completion bash)       for this shell; or put it into ~/.bashrc\n"
                  "  primer completion zsh > _primer        in a folder of $fpath\n"
                  "  primer completion fish > ~/.config/fish/completions/primer.fish");
  command->add_option("SHELL", *shell, "which shell")
      ->type_name("bash|zsh|fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &root] {
    std::vector<Completed> all;
    collect(root, "", all);
    put(*shell == "bash" ? bash(all) : *shell == "zsh" ? zsh(all) : fish(all));
  });
}

}  // namespace primer::program
