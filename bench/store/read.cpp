// Time to read every body of a store, checked, beside plain pread of the same bytes from a plain file:
//
//   bench_store STORE [ROUNDS]
//
// Every round reads all bodies in one shuffled order with either, on one thread, into fresh memory; the medians of the
// rounds are shown. What the page cache holds is read at the speed of memory: for the speed of a disk use a store
// larger than memory, or drop the cache between rounds (--cold asks the kernel to forget both files before each round).

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "base/random.h"
#include "data/store.h"

namespace {

using namespace atelier;
namespace fs = std::filesystem;

struct Span {
  Item item;
  uint64_t offset, size;  // in the plain file
};

/// The same bodies one behind the other, beside the store; gone with its owner.
class PlainFile {
 public:
  PlainFile(const Store& store, const fs::path& path) : path_(path) {
    std::ofstream file(path, std::ios::binary);
    uint64_t end = 0;
    for (uint64_t row = 0; row < store.identity().rows; ++row) {
      const Item item{.row = row};
      if (!store.has(item)) continue;
      const auto answer = store.read(item, UINT64_MAX);
      const auto& body = std::get<std::vector<std::byte>>(*answer);
      file.write(reinterpret_cast<const char*>(body.data()), static_cast<std::streamsize>(body.size()));
      spans_.push_back({item, end, body.size()});
      end += body.size();
    }
    file.close();
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (!file || descriptor_ < 0 || spans_.empty()) throw std::runtime_error(fmt::format("{}: no copy", path.string()));
    for (size_t i = spans_.size() - 1; i > 0; --i)
      std::swap(spans_[i], spans_[random_below(i + 1, 1, i, Purpose::kOrder)]);
  }
  ~PlainFile() {
    ::close(descriptor_);
    fs::remove(path_);
  }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  const std::vector<Span>& spans() const { return spans_; }
  uint64_t bytes() const { return fs::file_size(path_); }
  void read(const Span& span) const {
    const auto body = std::make_unique_for_overwrite<std::byte[]>(span.size);
    if (::pread(descriptor_, body.get(), span.size, static_cast<off_t>(span.offset)) != static_cast<ssize_t>(span.size))
      throw std::runtime_error("a short read");
  }

 private:
  const fs::path path_;
  std::vector<Span> spans_;
  int descriptor_ = -1;
};

void forget(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fdatasync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

struct Cost {
  std::vector<double> wall, cpu;  // seconds
  template <class Read>
  void time(const std::vector<Span>& spans, const Read& read) {
    const auto cpu_now = [] {
      timespec time{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    };
    const auto begin = std::chrono::steady_clock::now();
    const double cpu_begin = cpu_now();
    for (const Span& span : spans) read(span);
    cpu.push_back(cpu_now() - cpu_begin);
    wall.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) try {
  const bool cold = count > 1 && std::string_view(arguments[count - 1]) == "--cold";
  if (cold) --count;
  if (count < 2) throw std::invalid_argument("Usage: bench_store STORE [ROUNDS] [--cold]");
  const fs::path folder = arguments[1];
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 5;
  const Store store(folder);
  const fs::path copy = folder.string() + ".plain";
  const PlainFile plain(store, copy);
  Cost ours, theirs;
  for (int round = 0; round < rounds; ++round) {
    if (cold) forget(copy);
    theirs.time(plain.spans(), [&](const Span& span) { plain.read(span); });
    if (cold)
      for (const auto& file : fs::directory_iterator(folder)) forget(file.path());
    ours.time(plain.spans(), [&](const Span& span) {
      if (std::get<std::vector<std::byte>>(*store.read(span.item, UINT64_MAX)).size() != span.size)
        throw std::runtime_error("another body");
    });
  }
  const double gigabytes = static_cast<double>(plain.bytes()) * 1e-9;
  fmt::print("{} bodies, {:.3f} GB, medians of {}\n", plain.spans().size(), gigabytes, rounds);
  const auto show = [&](const char* name, const Cost& cost) {
    fmt::print("{:6} {:7.2f} GB/s, {:5.3f} CPU-s a GB\n", name, gigabytes / median(cost.wall),
               median(cost.cpu) / gigabytes);
  };
  show("pread", theirs);
  show("store", ours);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 2;
}
