#include "data/list_scan.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <future>
#include <thread>
#include <unordered_map>

#include "base/random.h"
#include "configs/utf8.h"
#include "data/name_hash.h"

namespace atelier {
namespace {

constexpr size_t kStretchBytes = size_t{8} << 20;

uint32_t place_of_group(const Entry& entry) {
  const uint64_t name = hash_of(entry.group.empty() ? entry.url : entry.group);
  return static_cast<uint32_t>(std::ldexp(random_uniform(0, name, Purpose::kHeldOut), 32));
}

void check_utf8(std::string_view text, size_t begin, size_t end) {
  const size_t bad = find_invalid_utf8(text.substr(begin, end - begin));
  if (bad != std::string_view::npos) throw BadRow(begin + bad, "not UTF-8; save the list as UTF-8");
}

/// The rows that begin in [begin, end).
Stretch read_stretch(const ListRows& rows, std::string_view text, size_t begin, size_t end) {
  Stretch stretch{.marks = {}, .labels = {}, .begin = begin, .end = begin};
  std::unordered_map<std::string, int32_t> labels;
  Entry entry;
  while (stretch.end < end) {
    const size_t offset = stretch.end;
    try {
      const bool is_row = rows.read(offset, entry, stretch.end);
      check_utf8(text, offset, stretch.end);
      if (!is_row) continue;
    } catch (const BadRow&) {
      throw;
    } catch (const std::invalid_argument& error) {
      check_utf8(text, offset, text.find('\n', offset));  // explains what looked like another mistake
      throw BadRow(offset, error.what());
    }
    RowMark& mark = stretch.marks.emplace_back(RowMark{.offset = offset, .group = place_of_group(entry)});
    if (!entry.label) continue;
    const auto [known, is_new] = labels.try_emplace(*entry.label, static_cast<int32_t>(labels.size()));
    if (is_new) stretch.labels.push_back(*entry.label);
    mark.label = known->second;
  }
  return stretch;
}

}  // namespace

void scan_list(const ListRows& rows, std::string_view text, const std::function<void(const Stretch&)>& take) {
  size_t begin = rows.begin();
  check_utf8(text, 0, begin);
  if (!rows.is_line_by_line()) {  // where a row begins shows only when those before it have been read
    while (begin < text.size()) {
      const Stretch stretch = read_stretch(rows, text, begin, std::min(text.size(), begin + kStretchBytes));
      take(stretch);
      begin = stretch.end;
    }
    return;
  }
  const size_t ahead = std::max(1u, std::thread::hardware_concurrency());
  std::deque<std::future<Stretch>> stretches;
  while (begin < text.size() || !stretches.empty()) {
    while (begin < text.size() && stretches.size() < ahead) {
      const size_t line_end = text.find('\n', std::min(text.size(), begin + kStretchBytes));
      const size_t end = std::min(text.size(), line_end == std::string_view::npos ? line_end : line_end + 1);
      stretches.push_back(std::async(std::launch::async, read_stretch, std::cref(rows), text, begin, end));
      begin = end;
    }
    const Stretch stretch = stretches.front().get();
    stretches.pop_front();
    take(stretch);
  }
}

}  // namespace atelier
