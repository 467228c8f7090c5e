#include "program/config_options.h"

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "train/tasks/presets.h"

namespace primer::program {

using namespace train;

void add_config_options(CLI::App& command, ConfigOptions& options) {
  std::string presets;
  for (const std::string& name : preset_names()) presets += (presets.empty() ? "" : "|") + name;
  command.add_option("--preset", options.preset, "a named configuration: " + presets)->type_name("NAME");
  command.add_option("--config", options.file, "a configuration: JSON like a run's config.json, comments allowed")
      ->type_name("FILE");

  const Config defaults;
  for (const Field& field : fields()) {
    const std::string name = "--" + field.option();
    const std::string otherwise = field.fits ? "fits text and task" : value_text(defaults, field);
    const std::string help = std::string(field.help) + (otherwise.empty() ? "" : " [" + otherwise + "]");
    const std::string group(field.group);
    if (field.kind == Field::Kind::switch_) {
      const auto given = [&options, &field](bool value) {
        options.flags.emplace_back(&field, value ? "true" : "false");
      };
      command
          .add_flag_callback(
              name, [given] { given(true); }, help)
          ->group(group);
      command
          .add_flag_callback(
              "--no-" + field.option(), [given] { given(false); }, "the opposite")
          ->group(group);
      continue;
    }
    if (field.kind == Field::Kind::list) {
      const auto given = [&options, &field](const std::vector<std::string>& texts) {
        std::string lines;
        for (const std::string& text : texts) lines += (lines.empty() ? "" : "\n") + data::printable(text);
        options.flags.emplace_back(&field, lines);
      };
      command.add_option_function<std::vector<std::string>>(name, given, field.help)->type_name("FILE")->group(group);
      continue;
    }
    std::string type = field.kind == Field::Kind::integer ? "N" : field.kind == Field::Kind::number ? "X" : "";
    for (const std::string_view choice : field.choices) type += (type.empty() ? "" : "|") + std::string(choice);
    command
        .add_option_function<std::string>(
            name,
            [&options, &field](const std::string& text) { options.flags.emplace_back(&field, data::printable(text)); },
            help)
        ->type_name(type)
        ->group(group);
  }
}

Config resolve(const ConfigOptions& options) {
  Config config;
  if (!options.preset.empty()) apply_preset(config, options.preset);
  if (!options.file.empty()) {
    const std::string text = data::read_file(options.file, 1 << 20, autograd::Fault::usage);
    read_json(config, text, data::printable(options.file), ChosenBy::file);
  }
  for (const auto& [field, text] : options.flags) {
    set(config, *field, text, ChosenBy::flag, "--" + field->option());
  }
  return config;
}

}  // namespace primer::program
