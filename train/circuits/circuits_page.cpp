#include <algorithm>
#include <cmath>
#include <cstdio>

#include "train/circuits/circuits.h"
#include "train/pages/page.h"
#include "train/pages/visible_html.h"

namespace primer::train {

namespace {

constexpr std::size_t most_in_map = 64;  // heads of which every pair has a cell

std::string number(double value, const char* form = "%.2f") {
  if (!std::isfinite(value)) return "\u2013";
  char text[32];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

std::string short_name(Head head) { return std::to_string(head.layer) + "." + std::to_string(head.head); }

std::string joined(const std::vector<std::string>& parts, const char* between = ", ") {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

std::string names_of(const HeadReport& report) {
  std::vector<std::string> names;
  for (const std::string_view name : report.names()) names.emplace_back(name);
  return joined(names);
}

std::string named_heads(const Circuits& circuits) {
  std::string text;
  for (std::size_t look = 0; look < look_count; ++look) {
    std::vector<std::string> heads;
    for (const HeadReport& report : circuits.heads) {
      const double score = report.repeated[look];
      if (score > name_threshold) heads.push_back(short_name(report.head) + " (" + number(score) + ")");
    }
    text += std::string(head_name(static_cast<Look>(look))) + ": " + (heads.empty() ? "none" : joined(heads)) + "\n\n";
  }
  return text;
}

std::string table_of_heads(const Circuits& circuits) {
  std::vector<std::vector<std::string>> rows{{"head", "names"}};
  for (const char* where : {", random", ", text"}) {
    for (const std::string_view word : words(Look{})) {
      rows[0].push_back(std::string(word.substr(0, word.find('_'))) + where);  // "previous, random"
    }
  }
  for (const char* name : {"OV positivity", "copying", "QK positivity", "loss without it"}) rows[0].emplace_back(name);
  const auto add = [&](std::vector<std::string> row, const LookScores& repeated, const LookScores& text) {
    for (const LookScores& scores : {repeated, text}) {
      for (const double score : scores) row.push_back(number(score));
    }
    rows.push_back(std::move(row));
  };
  for (const HeadReport& report : circuits.heads) {
    add({short_name(report.head), names_of(report)}, report.repeated, report.text);
    for (const double value : {report.ov_positivity, report.copying, report.qk_positivity}) {
      rows.back().push_back(number(value));
    }
    rows.back().push_back(number(report.added_loss, "%+.4f"));
  }
  add({"alike everywhere", ""}, circuits.uniform_repeated, circuits.uniform_text);
  rows.back().resize(rows[0].size());
  return table_html(rows);
}

/// A value of every head, a row a layer; nothing if there is no value.
template <class Value>
std::string map_of(const Circuits& circuits, const std::string& title, const std::string& caption, Value value,
                   double low = 0, double high = 1) {
  Table table;
  for (long layer = 0; layer < circuits.shape.layers; ++layer) table.rows.push_back("layer " + std::to_string(layer));
  for (long h = 0; h < circuits.shape.heads; ++h) table.columns.push_back(std::to_string(h));
  bool is_there = false;
  for (const HeadReport& report : circuits.heads) {
    table.values.push_back(value(report));
    is_there = is_there || std::isfinite(table.values.back());
  }
  return is_there ? figure_html(heat_map({title, caption}, table, low, high)) : "";
}

std::string maps_of_looks(const Circuits& circuits) {
  std::string html;
  for (std::size_t look = 0; look < look_count; ++look) {
    const std::string name(head_name(static_cast<Look>(look)));
    html += map_of(circuits, name + " score, random tokens repeated",
                   "A head that looks everywhere alike has " + number(circuits.uniform_repeated[look]) + ".",
                   [&](const HeadReport& report) { return report.repeated[look]; });
  }
  for (std::size_t look = 0; look < look_count; ++look) {
    const std::string name(head_name(static_cast<Look>(look)));
    html += map_of(circuits, name + " score, text",
                   "A head that looks everywhere alike has " + number(circuits.uniform_text[look]) + ".",
                   [&](const HeadReport& report) { return report.text[look]; });
  }
  return html;
}

std::string maps_of_weights(const Circuits& circuits) {
  return map_of(
             circuits, "OV positivity",
             "1: what a head looks at it raises; -1: it lowers it. Random weights are near 0.",
             [](const HeadReport& report) { return report.ov_positivity; }, -1, 1) +
         map_of(
             circuits, "Copying score",
             "1: all that looking at a token adds to logits goes to this token; -1: nothing of it. Of many tokens "
             "one's "
             "share is small: compare heads with each other.",
             [](const HeadReport& report) { return report.copying; }, -1, 1) +
         map_of(
             circuits, "QK positivity", "1: a token looks for its like; -1: for anything but it.",
             [](const HeadReport& report) { return report.qk_positivity; }, -1, 1);
}

/// The strongest pairs of a layer's heads, a paragraph each.
std::string pairs_of(const Circuits& circuits, long layer) {
  std::string html;
  for (long h = 0; h < circuits.shape.heads; ++h) {
    const HeadReport& report = circuits.at({layer, h});
    const std::string names = names_of(report);
    html += "<p><b>Head " + short_name(report.head) + "</b>" + (names.empty() ? "" : ", " + names) + ": ";
    for (std::size_t i = 0; i < report.raises.size(); ++i) {
      const TokenPair& pair = report.raises[i];
      html += (i > 0 ? "\u2003" : "") + std::string("<code>") + visible_html(pair.source) +  // a wide space
              "</code>\u00A0\u2192\u00A0<code>" + visible_html(pair.raised) + "</code>\u00A0" +
              number(pair.logit, "%.2g");
    }
    html += "</p>\n";
  }
  return html;
}

// ---- composition -------------------------------------------------------------------------------------------------

struct Way {
  const char* name;
  const char* what;
  Matrix LayerComposition::*scores;
};
constexpr Way ways[] = {
    {"Q", "queries", &LayerComposition::q}, {"K", "keys", &LayerComposition::k}, {"V", "values", &LayerComposition::v}};

struct Reads {
  double score;
  const char* way;
  Head later, earlier;
};

std::string strongest_reads(const Circuits& circuits, double chance) {
  constexpr std::size_t most = 12;
  std::vector<Reads> all;
  for (const LayerComposition& pair : circuits.compositions) {
    for (const Way& way : ways) {
      const Matrix& scores = pair.*way.scores;
      for (long i = 0; i < scores.rows; ++i) {
        for (long j = 0; j < scores.columns; ++j) {
          if (std::isfinite(scores(i, j))) all.push_back({scores(i, j), way.name, {pair.later, i}, {pair.earlier, j}});
        }
      }
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Reads& a, const Reads& b) { return a.score > b.score; });
  std::vector<std::vector<std::string>> rows{{"by", "head", "reads", "score", "over chance"}};
  for (std::size_t i = 0; i < std::min(most, all.size()); ++i) {
    rows.push_back({all[i].way, short_name(all[i].later), short_name(all[i].earlier), number(all[i].score, "%.3f"),
                    number(all[i].score / chance, "%.1f x")});
  }
  return table_html(rows);
}

/// Every head by every one; of a large model the largest of two layers.
std::string map_of_reads(const Circuits& circuits, const Way& way, double chance) {
  const bool by_layer = circuits.heads.size() > most_in_map;
  const long H = circuits.shape.heads, group = by_layer ? H : 1, n = (circuits.shape.layers - 1) * H / group;
  const auto name = [&](long i) { return by_layer ? std::to_string(i) : short_name({i / H, i % H}); };
  Table table;
  for (long i = 0; i < n; ++i) {  // the first layer reads none, and nobody reads the last one
    table.rows.push_back(name(i + H / group));
    table.columns.push_back(name(i));
  }
  table.values.assign(static_cast<std::size_t>(n * n), NAN);
  for (const LayerComposition& pair : circuits.compositions) {
    const Matrix& scores = pair.*way.scores;
    for (long i = 0; i < H * H; ++i) {
      const long row = ((pair.later - 1) * H + i / H) / group, column = (pair.earlier * H + i % H) / group;
      double& cell = table.values[static_cast<std::size_t>(row * n + column)];
      cell = std::fmax(cell, scores(i / H, i % H));
    }
  }
  const std::string caption = std::string("How much of what a head (column) writes a later one (row) reads by its ") +
                              way.what + (by_layer ? "; the largest of two layers" : "") +
                              ". Random matrices have about " + number(chance, "%.3f") + ".";
  return figure_html(heat_map({std::string(way.name) + "-composition", caption}, table, 0, NAN));
}

std::string text_of_work(const Circuits& circuits) {
  const std::string random =
      circuits.repeated.block == 0
          ? std::string()
          : "Random tokens: " + std::to_string(circuits.repeated.sequences) + " sequences of a block of " +
                std::to_string(circuits.repeated.block) + " distinct tokens, " +
                std::to_string(circuits.repeated.times) +
                " times over, so that only what stood before tells what comes. The score of a head is the share of its "
                "attention, the mean over tokens, that goes to the token before (previous-token), to the first place "
                "(first-token), to other places of the same token (duplicate-token), and to what followed the same "
                "token earlier (induction, called prefix matching). A head above " +
                number(name_threshold, "%.1f") +
                " has the name: one that looks everywhere alike has far less, and one that does nothing else has 1. "
                "(Olsson et al. 2022.) A name says where a head looks on such sequences, and no more.\n\n";
  return random + "Text: " + std::to_string(circuits.windows) + (circuits.windows == 1 ? " window" : " windows") +
         " of at most " + std::to_string(circuits.window) +
         " tokens, spread over it. There scores depend on what the text repeats.\n\n"
         "Loss without a head: what the head brings is set to 0, and all other heads may look elsewhere for it. The "
         "loss is over " +
         std::to_string(circuits.targets) + " " + circuits.unit + "s and " + number(circuits.loss, "%.4f") +
         " nats a " + circuits.unit + " with all heads. Above 0: the head is missed.";
}

}  // namespace

std::string circuits_page(const Circuits& circuits) {
  const nn::ModelConfig& shape = circuits.shape;
  Page page;
  page.title = "Heads of";
  page.subject = circuits.run;
  page.about = std::to_string(shape.layers) + (shape.layers == 1 ? " layer of " : " layers of ") +
               std::to_string(shape.heads) + (shape.heads == 1 ? " head" : " heads") + ", weights of step " +
               std::to_string(circuits.step) + ". Layers and heads are counted from 0: 1.2 is head 2 of layer 1.";
  page.add("Heads with a name", paragraphs_html(named_heads(circuits)));
  page.add("All heads", table_of_heads(circuits));
  page.add("How this was measured", paragraphs_html(text_of_work(circuits)));
  page.add("What the figures leave out", paragraphs_html(joined(circuits.notes, "\n\n")));
  page.add("Where heads look", maps_of_looks(circuits));
  page.add("What is lost without a head",
           map_of(
               circuits, "Loss without a head, less that with it", "Nats a " + circuits.unit + ".",
               [](const HeadReport& report) { return report.added_loss; }, NAN, NAN));
  page.add("What heads do with tokens, by their weights",
           paragraphs_html("W_OV = W_O W_V says what a head does with a token that it looks at: W_U W_OV W_E^T adds to "
                           "logits. W_QK = W_Q^T W_K says which tokens look at which. (Elhage et al. 2021.)") +
               maps_of_weights(circuits));
  const bool has_pairs = !circuits.heads.empty() && !circuits.heads[0].raises.empty();
  for (long layer = 0; layer < shape.layers && has_pairs; ++layer) {
    const std::string first =
        layer > 0
            ? ""
            : "Looking at the token on the left adds so much to the logit of the one on the right, above the mean "
              "over the " +
                  std::to_string(circuits.compared) + " commonest tokens of the text, which are compared.";
    page.add("Layer " + std::to_string(layer) + ": the strongest pairs of tokens",
             paragraphs_html(first) + pairs_of(circuits, layer));
  }
  if (!circuits.compositions.empty()) {
    const double chance = 1 / std::sqrt(static_cast<double>(shape.channels));
    std::string html = strongest_reads(circuits, chance);
    for (const Way& way : ways) html += map_of_reads(circuits, way, chance);
    page.add("Which head reads which", html);
  }
  return page.html();
}

}  // namespace primer::train
