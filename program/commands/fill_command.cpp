#include <cstdio>
#include <memory>

#include "data/bytes/strict_json.h"
#include "data/bytes/utf8.h"
#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/json_line.h"
#include "train/use/reader.h"

namespace primer::program {

using namespace train;

namespace {

struct FillOptions : RunChoice {
  std::string text;
  long top = 5;
  bool json = false;
};

std::string fillings_json(const data::Tokenizer& tokenizer, const std::vector<std::vector<Filling>>& masks) {
  std::string all;
  for (const auto& fillings : masks) {
    std::string list;
    for (const Filling& filling : fillings) {
      JsonLine line;
      line.add_text("token", tokenizer.token_text(filling.id))
          .add("id", static_cast<long>(filling.id))
          .add("probability", filling.probability);
      if (!list.empty()) list += ',';
      list += line.text();
    }
    if (!all.empty()) all += ',';
    all += '[' + list + ']';
  }
  return "{\"masks\":[" + all + "]}\n";
}

std::string fillings_text(const data::Tokenizer& tokenizer, const std::vector<std::vector<Filling>>& masks) {
  std::string out;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    if (masks.size() > 1) out += (i > 0 ? "\n" : "") + std::string("[MASK] ") + std::to_string(i + 1) + "\n";
    for (const Filling& filling : masks[i]) {
      char share[32];
      std::snprintf(share, sizeof share, "%7.2f %%  ", 100 * filling.probability);
      out += share + data::json_quoted(tokenizer.token_text(filling.id)) + "\n";
    }
  }
  return out;
}

}  // namespace

void add_fill(CLI::App& root) {
  const auto options = std::make_shared<FillOptions>();
  CLI::App* const command = add_command(root, "fill", "fill the gaps of a text with a masked model",
                                        "Examples:\n"
                                        "  primer fill runs/gaps \"The [MASK] sat on the mat\"\n"
                                        "  primer fill runs/gaps \"To be or [MASK] to [MASK]\" --top 10 --json");
  options->add_to(*command, "a run trained with --objective mlm");
  command->add_option("TEXT", options->text, "the text; [MASK] stands for a token that is to be found")->required();
  add_integer(*command, "--top", options->top, 1, 1'000'000, "how many fillings of each gap");
  command->add_flag("--json", options->json, "one JSON object: masks, a list of tokens for each, with probability");
  command->callback([options] {
    const auto run = options->open();
    Reader reader(*run);
    const std::vector<int> ids = reader.ids(options->text, true);
    warn_of_unknown(*run);
    const auto masks = reader.fill(ids, options->top);
    put((options->json ? fillings_json : fillings_text)(*run->tokenizer, masks));
  });
}

}  // namespace primer::program
