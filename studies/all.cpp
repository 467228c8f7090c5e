#include "studies/all.h"

#include <algorithm>
#include <filesystem>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "train/pages/page.h"
#include "train/pages/visible_html.h"

namespace primer::studies {

namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

/// Those of one of all studies.
LabOptions own_options(const Study& study, LabOptions options) {
  options.folder += "/" + std::string(study.name);
  return options;
}

/// Refuses to run all studies where that would hide what was found with other options, or what no study wrote.
void refuse_others(const LabOptions& options) {
  namespace fs = std::filesystem;
  std::string names;
  for (const Study* study : all_studies()) {
    const LabOptions own = own_options(*study, options);
    const bool is_stopped = fs::exists(own.folder + "/lock") && !fs::exists(own.folder + "/figures.json");
    if (options.force || !fs::exists(own.folder) || is_stopped || finished(*study, own)) continue;
    names += (names.empty() ? "" : ", ") + std::string(study->name);
  }
  const std::string shown = data::printable(options.folder), index = options.folder + "/index.html";
  if (fs::exists(options.folder + "/config.json")) {
    throw autograd::Error(autograd::Fault::usage, shown + " is a run of training; choose another folder with -o");
  }
  if (!names.empty()) {
    throw autograd::Error(autograd::Fault::usage,
                          shown + " holds figures of other options, or what no study wrote: " + names +
                              "; choose another folder with -o, or let --force move "
                              "them aside");
  }
  if (fs::exists(index) && !(fs::is_regular_file(index) && train::may_replace(index))) {
    throw autograd::Error(autograd::Fault::usage,
                          shown + "/index.html is no page of primer, and stays; choose another folder with -o");
  }
}

void write_index(const LabOptions& options) {
  train::Page page{.title = "studies", .about = "What is said of attention, and what small models show of it."};
  std::string theme, items;
  const auto finish = [&] {
    if (!items.empty()) page.add(theme, "<ul>\n" + items + "</ul>\n");
    items.clear();
  };
  for (const Study* study : all_studies()) {
    if (theme != study->theme) finish();
    theme = study->theme;
    const auto found = finished(*study, own_options(*study, options));
    const std::string name = train::escape_html(study->name);
    const std::string said = !found          ? "not yet, " + short_number(study->minutes) + " min"
                             : options.quick ? "quick"
                                             : verdict_of(found->failed) + ", " + seconds_text(found->seconds);
    items += "<li>" + (found ? "<a href=\"" + name + "/report.html\">" + name + "</a>" : name) + " (" + said +
             "): " + train::escape_html(study->question) + "</li>\n";
  }
  finish();
  data::write_file_atomically(options.folder + "/index.html", page.html());
}

}  // namespace

bool run_all(const LabOptions& options, train::Interruption& interruption,
             const std::function<void(const std::string&)>& say) {
  if (!options.text.empty()) Lab(options, interruption).text();  // refused before the first study, not at the third
  refuse_others(options);
  std::error_code failed;
  std::filesystem::create_directories(options.folder, failed);
  if (failed) {
    throw autograd::Error(autograd::Fault::io,
                          "cannot create " + data::printable(options.folder) + ": " + failed.message());
  }
  // One that cannot be run must not keep the others from it.
  const auto run = [&](const Study& study, const LabOptions& own) -> std::optional<Finished> {
    if (const auto before = options.force ? std::nullopt : finished(study, own)) return before;
    try {
      const Report report =
          run_study(study, own, interruption, [&](const Report& found) { say(table_of(found) + "\n"); });
      return Finished{report.seconds, report.failed()};
    } catch (const StudyStopped&) {
      write_index(options);
      throw;
    } catch (const autograd::Error& error) {
      if (error.fault() == autograd::Fault::bug) throw;
      train::say("primer: study " + std::string(study.name) + ": " + error.what() + "\n");
      return {};
    }
  };
  bool all_hold = true;
  std::string summary = "\n";
  for (const Study* study : all_studies()) {
    LabOptions own = own_options(*study, options);
    own.force = true;  // one that was stopped is moved aside
    const auto found = run(*study, own);
    write_index(options);
    all_hold = all_hold && found && (options.quick || found->failed == 0);
    summary += "  " + padded(study->name, 20) + padded(found ? seconds_text(found->seconds) : "", 10) +
               (!found          ? "could not be run"
                : options.quick ? "quick"
                                : verdict_of(found->failed)) +
               "\n";
  }
  say(summary);
  return all_hold;
}

}  // namespace primer::studies
