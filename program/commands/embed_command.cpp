#include <unistd.h>

#include <charconv>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/safetensors.h"
#include "program/commands.h"
#include "program/number_option.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/use/reader.h"
#include "train/use/sample_writer.h"

namespace primer::program {

using namespace train;

using autograd::Error;
using autograd::Fault;

namespace {

struct EmbedOptions : RunChoice {
  LinesText text;
  std::string out = "-", pooling = "mean";
  std::optional<std::string> nearest;
  long top = 10;
  bool force = false;
};

/// The vectors as lines of numbers, a tab between: the shortest digits that read back to the same float.
std::string lines_of(const std::vector<float>& vectors, long width) {
  std::string out;
  char digits[32];
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    out.append(digits, std::to_chars(digits, digits + sizeof digits, vectors[i]).ptr);
    out += (static_cast<long>(i) + 1) % width == 0 ? '\n' : '\t';
  }
  return out;
}

Summary summary_of(const EmbedOptions& options) { return options.pooling == "cls" ? Summary::cls : Summary::mean; }

/// Calls each(i, vector) for all lines of these that are not blank, the i-th of their texts.
template <class Each>
void each_vector(Reader& reader, std::vector<std::vector<int>> texts, Summary summary, Each each) {
  by_length(std::move(texts), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
    const std::vector<float> some = reader.embed(batch, summary);
    const std::size_t width = some.size() / batch.size();
    for (std::size_t i = 0; i < places.size(); ++i) each(places[i], std::span(some).subspan(i * width, width));
  });
}

/// Writes the lines whose vectors have the largest cosines with that of one text.
void write_nearest(const EmbedOptions& options) {
  if (data::is_blank(*options.nearest)) throw Error(Fault::usage, "--nearest: the text is blank; give one to compare");
  const auto run = options.open();
  Reader reader(*run);
  const std::vector<int> ids = reader.ids(*options.nearest, false);
  if (ids.empty()) throw Error(Fault::input, "--nearest: nothing of the text is in the vocabulary");
  const std::vector<float> wanted = reader.embed({&ids, 1}, summary_of(options));
  const auto dot = [](std::span<const float> a, std::span<const float> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  std::set<std::tuple<double, long, std::string>> best;  // minus the cosine, number, line
  long number = 0;
  each_line_of(options.text, reader, [&](LinesRead read) {
    each_vector(reader, std::move(read.ids), summary_of(options), [&](std::size_t i, std::span<const float> vector) {
      const double norms = std::sqrt(dot(vector, vector) * dot(wanted, wanted));
      const std::size_t place = read.places[i];
      best.insert({norms > 0 ? -dot(wanted, vector) / norms : 0, number + static_cast<long>(place) + 1,
                   std::move(read.lines[place])});
      if (best.size() > static_cast<std::size_t>(options.top)) best.erase(std::prev(best.end()));
    });
    number += static_cast<long>(read.lines.size());
    return true;
  });
  std::string out;
  char share[32];
  for (const auto& [minus, place, line] : best) {
    std::snprintf(share, sizeof share, "%.4f\t", 0.0 - minus);
    out += share + std::to_string(place) + "\t" + line + "\n";
  }
  put(::isatty(STDOUT_FILENO) == 1 ? for_terminal(out) : out);
}

void run_embed(const EmbedOptions& options) {
  if (options.nearest) return write_nearest(options);
  if (options.out != "-" && data::kind_of(options.out, false) != data::FileKind::missing && !options.force) {
    throw Error(Fault::usage, data::printable(options.out) + " exists; --force replaces it, -o names another");
  }
  const auto run = options.open();
  Reader reader(*run);
  const bool as_tensor = options.out.ends_with(".safetensors");
  const long width = run->config.channels;
  std::vector<float> all;  // [lines, C] of the whole text, unless they are written as they come
  std::string written;
  std::size_t blank = 0;
  each_line_of(options.text, reader, [&](LinesRead read) {
    std::vector<float> vectors(read.lines.size() * static_cast<std::size_t>(width));  // [lines, C], 0 of blank ones
    blank += read.lines.size() - read.ids.size();
    each_vector(reader, std::move(read.ids), summary_of(options), [&](std::size_t i, std::span<const float> vector) {
      std::ranges::copy(vector, vectors.begin() + static_cast<long>(read.places[i]) * width);
    });
    if (as_tensor) all.insert(all.end(), vectors.begin(), vectors.end());
    else if (options.out != "-") written += lines_of(vectors, width);
    else return put(lines_of(vectors, width));
    return true;
  });
  if (blank > 0)
    warn({std::to_string(blank) +
          (blank == 1 ? " line is blank: its vector is 0" : " lines are blank: their vectors are 0")});
  if (as_tensor) {
    const long count = static_cast<long>(all.size()) / width;
    data::write_safetensors(options.out, {data::tensor_view("embeddings", {count, width}, all.data())});
  } else if (options.out != "-") {
    data::write_file_atomically(options.out, written);
  }
}

}  // namespace

void add_embed(CLI::App& root) {
  const auto options = std::make_shared<EmbedOptions>();
  CLI::App* const command = add_command(root, "embed", "turn the lines of a text into vectors",
                                        "Examples:\n"
                                        "  primer embed runs/gaps sentences.txt > vectors.tsv\n"
                                        "  primer embed runs/gaps sentences.txt --nearest \"a cat on a mat\" --top 3\n"
                                        "  primer embed runs/gaps sentences.txt -o vectors.safetensors");
  options->add_to(*command);
  command
      ->add_option(
          "TEXT", options->text.path,
          "a file, a folder or -; each line has a vector, that of a blank one is 0; of CSV, TSV and JSON lines, the "
          "field of a run with --field")
      ->required();
  add_encoding_option(*command, options->text.encoding);
  CLI::Option* const out =
      command
          ->add_option("-o", options->out,
                       "a .safetensors file (tensor embeddings), or one of lines; - is standard output [-]")
          ->type_name("FILE");
  command->add_option("--pooling", options->pooling, "the mean of the last layer, or BERT's pooler on [CLS] [mean]")
      ->type_name("mean|cls")
      ->check(CLI::IsMember({"mean", "cls"}));
  CLI::Option* const nearest =
      command
          ->add_option("--nearest", options->nearest,
                       "no vectors, but the lines nearest to this text, the nearest first: the cosine of both "
                       "vectors, the line's number, the line")
          ->type_name("S")
          ->excludes(out);
  add_integer(*command, "--top", options->top, 1, 1'000'000, "how many lines --nearest writes")->needs(nearest);
  command->add_flag("--force", options->force, "replace an existing file");
  command->callback([options] { run_embed(*options); });
}

}  // namespace primer::program
