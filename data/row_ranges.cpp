#include "data/row_ranges.h"

#include <algorithm>
#include <deque>
#include <future>
#include <thread>

namespace atelier {

void for_each_range(uint64_t rows, const std::function<void(uint64_t begin, uint64_t end)>& work,
                    const std::function<void(double share)>& progress) {
  const size_t ahead = std::max(1u, std::thread::hardware_concurrency());
  std::deque<std::future<void>> ranges;  // each waits for its thread when it goes
  uint64_t begun = 0, done = 0;
  while (begun < rows || !ranges.empty()) {
    while (begun < rows && ranges.size() < ahead) {
      const uint64_t begin = begun;
      begun = std::min(rows, begin + kRangeRows);
      ranges.push_back(std::async(std::launch::async, [&work, begin, end = begun] { work(begin, end); }));
    }
    ranges.front().get();
    ranges.pop_front();
    done = std::min(rows, done + kRangeRows);
    if (progress) progress(static_cast<double>(done) / static_cast<double>(rows));
  }
}

}  // namespace atelier
