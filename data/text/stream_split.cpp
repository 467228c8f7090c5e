#include "data/text/stream_split.h"

#include <algorithm>

#include "autograd/random.h"

namespace primer::data {

std::uint64_t training_share(std::uint64_t n, double fraction) {
  if (!(fraction >= 0 && fraction < 1)) {
    throw Error(Fault::usage, "the validation fraction must be at least 0 and below 1, such as 0.1");
  }
  // 1 - fraction is rounded, so that n times it may fall just short of a whole number that it means.
  const double share = static_cast<double>(n) * (1 - fraction) * (1 + 1e-12);
  return std::min(n, static_cast<std::uint64_t>(share));
}

StreamCutter::StreamCutter(std::vector<std::uint64_t> borders, std::uint64_t reach)
    : borders_(std::move(borders)), reach_(reach) {
  while (next_ < borders_.size() && borders_[next_] == 0) ++next_;
}

std::size_t StreamCutter::cut(std::string_view block) {
  std::size_t i = block.size();
  if (next_ < borders_.size()) {
    const std::uint64_t border = std::max(borders_[next_], offset_), last = borders_[next_] + reach_;
    for (i = static_cast<std::size_t>(std::min<std::uint64_t>(border - offset_, i)); i < block.size(); ++i) {
      const std::uint64_t at = offset_ + i;
      // A symbol has three such bytes at most; what has more of them is no UTF-8, and may be cut anywhere.
      const bool is_inside = reach_ > 0 && at < last + 3 && (static_cast<unsigned char>(block[i]) & 0xC0) == 0x80;
      const bool is_feed = block[i] == '\n' || block[i] == '\r';
      if ((at < last || is_inside) && (is_feed || !after_line_)) {
        after_line_ = after_line_ || block[i] == '\n';
        continue;
      }
      after_line_ = false;
      ++next_;
      break;
    }
  }
  offset_ += i;
  return i;
}

StreamSplit::StreamSplit(const TextFacts& facts, Split split, double fraction, std::uint64_t seed)
    : borders_(facts.files.size()) {
  constexpr std::size_t many = 20;      // files
  constexpr double block = 1024;        // bytes of the shortest, where the text has them
  constexpr std::uint64_t reach = 512;  // bytes within which a line mostly ends
  std::vector<std::size_t> files;       // that are divided
  std::uint64_t all = 0, longest = 0;   // bytes of these
  for (std::size_t i = 0; i < borders_.size(); ++i) {
    const std::uint64_t bytes = facts.files[i].bytes, share = training_share(bytes, fraction);
    if (facts.files[i].held_back) borders_[i] = {0};
    else if (split == Split::tail && share < bytes) borders_[i] = {share};
    else files.push_back(i), all += bytes, longest = std::max(longest, bytes);
  }
  const double n = static_cast<double>(all), wanted = n * fraction, lesser = std::min(wanted, n - wanted);
  if (split == Split::tail || wanted < 1) return;
  const autograd::Random random(seed, autograd::hash("data.split"));

  if (files.size() >= many && static_cast<double>(longest) <= lesser) {
    std::ranges::sort(files, {}, [&](std::size_t i) { return std::pair(random.word(i), i); });
    double held_back = 0;
    for (const std::size_t i : files) {
      const auto bytes = static_cast<double>(facts.files[i].bytes);
      if (held_back + bytes / 2 > wanted) continue;  // without it they are nearer to what is wanted
      borders_[i] = {0};
      held_back += bytes;
    }
    return;
  }

  const double count = std::clamp(std::floor(lesser / block), 1.0, 16.0);
  reach_ = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted / count / 4), 1, reach);
  for (double k = 0; k < count; ++k) {
    const double free = (n - wanted) / count * random.uniform(static_cast<std::uint64_t>(k));
    const auto begin = static_cast<std::uint64_t>(n / count * k + free);
    const std::uint64_t end = begin + static_cast<std::uint64_t>(wanted / count);
    std::uint64_t first = 0;  // byte of the file
    for (const std::size_t i : files) {
      const std::uint64_t bytes = facts.files[i].bytes;
      if (first < end && begin < first + bytes) {
        borders_[i].push_back(std::max(begin, first) - first);
        if (end < first + bytes) borders_[i].push_back(end - first);
      }
      first += bytes;
    }
  }
}

StreamCutter StreamSplit::cutter(std::size_t file) const {
  return file < borders_.size() ? StreamCutter(borders_[file], reach_) : StreamCutter();
}

}  // namespace primer::data
