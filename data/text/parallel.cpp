#include "data/text/parallel.h"

#include <array>
#include <deque>

#include "data/text/lines.h"
#include "data/text/sides.h"

namespace primer::data {

namespace {

/// The lines of a file, a block of them at a time.
class LineQueue {
 public:
  explicit LineQueue(const Source& source) : source_(source), reader_(source) {}

  /// False at the end.
  bool next(std::string& line) {
    while (waiting_.empty() && !ended_) read();
    if (waiting_.empty()) return false;
    line = std::move(waiting_.front());
    waiting_.pop_front();
    ++lines_;
    return true;
  }
  std::uint64_t lines() const { return lines_; }
  std::string name() const { return source_.name(); }

 private:
  void read() {
    const auto keep = [this](std::string_view line) { waiting_.emplace_back(line); };
    const std::string_view block = reader_.next();
    ended_ = block.empty();
    naming(source_, [&] { ended_ ? cutter_.finish(keep) : cutter_.feed(block, keep); });
  }

  Source source_;
  TextReader reader_;
  LineCutter cutter_;
  std::deque<std::string> waiting_;
  bool ended_ = false;
  std::uint64_t lines_ = 0;
};

}  // namespace

Source join_parallel(const std::string& source, const std::string& target, const std::string& spool,
                     const std::string& encoding) {
  const std::array<Source, 2> files{source_at(source, encoding), source_at(target, encoding)};
  LineQueue sources(files[0]), targets(files[1]);
  AtomicFile file(spool);
  for (std::string line, translation;;) {
    const bool has_source = sources.next(line), has_target = targets.next(translation);
    if (!has_source && !has_target) break;
    if (has_source != has_target) {
      while (sources.next(line)) {}
      while (targets.next(line)) {}
      throw Error(Fault::input, sources.name() + " has " + std::to_string(sources.lines()) + " lines and " +
                                    targets.name() + " " + std::to_string(targets.lines()) +
                                    "; of parallel files each line belongs to that of the other one");
    }
    file.append(as_side(line) + '\t' + as_side(translation) + '\n');
  }
  if (file.appended() == 0) throw Error(Fault::input, sources.name() + ": the text is empty");
  file.commit();
  return {spool, identity_of(spool), sources.name() + " beside " + targets.name()};
}

}  // namespace primer::data
