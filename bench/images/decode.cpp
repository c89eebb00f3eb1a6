// CPU time from a JPEG's bytes in memory to its square, beside the plainest use of libjpeg-turbo:
//
//   bench_decode FOLDER [SIDE [ROUNDS]]
//
// Every round takes each file of FOLDER once with either, on one thread; the medians of the rounds are shown. The
// reference decodes to full size and samples bilinearly with two taps each way (so it aliases), to float32 planes; ours
// resamples antialiased, mirrors and brightens, to uint8 planes.

#include "images/decode.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <turbojpeg.h>
#include <vector>

#include "base/free_with.h"

namespace {

using namespace atelier;
using File = std::vector<char>;

std::vector<File> read_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<File> files;
  for (const auto& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  if (files.empty()) throw std::runtime_error(fmt::format("{} has no files.", folder.string()));
  return files;
}

class Reference {
 public:
  explicit Reference(int side) : side_(side), planes_(3 * static_cast<size_t>(side) * static_cast<size_t>(side)) {}

  void take(const File& file) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
    int width = 0, height = 0, subsampling = 0, colours = 0;
    tjDecompressHeader3(decoder_.get(), bytes, file.size(), &width, &height, &subsampling, &colours);
    pixels_.resize(3 * static_cast<size_t>(width) * static_cast<size_t>(height));
    if (tjDecompress2(decoder_.get(), bytes, file.size(), pixels_.data(), width, 0, height, TJPF_RGB, 0) != 0)
      throw std::runtime_error(tjGetErrorStr2(decoder_.get()));
    sample(width, height);
  }

 private:
  struct Place {
    size_t first, second;
    unsigned weight;  // of the second, in 1 / 256
  };

  Place place_of(int target, int source) const {
    const float at = std::max(
        0.0F, (static_cast<float>(target) + 0.5F) * static_cast<float>(source) / static_cast<float>(side_) - 0.5F);
    const int first = std::min(static_cast<int>(at), source - 1);
    return {static_cast<size_t>(first), static_cast<size_t>(std::min(first + 1, source - 1)),
            static_cast<unsigned>((at - static_cast<float>(first)) * 256)};
  }

  void sample(int width, int height) {
    const auto side = static_cast<size_t>(side_), stride = 3 * static_cast<size_t>(width);
    columns_.clear();
    for (int x = 0; x < side_; ++x) columns_.push_back(place_of(x, width));
    row_.resize(stride);
    for (size_t y = 0; y < side; ++y) {
      const Place rows = place_of(static_cast<int>(y), height);
      const uint8_t *above = &pixels_[rows.first * stride], *below = &pixels_[rows.second * stride];
      for (size_t i = 0; i < stride; ++i)
        row_[i] = static_cast<uint16_t>(above[i] * (256 - rows.weight) + below[i] * rows.weight);
      for (size_t x = 0; x < side; ++x) {
        const Place& column = columns_[x];
        for (size_t c = 0; c < 3; ++c) {
          const unsigned sum =
              row_[3 * column.first + c] * (256 - column.weight) + row_[3 * column.second + c] * column.weight;
          planes_[(c * side + y) * side + x] = static_cast<float>((sum + 32768) >> 16) / 255;
        }
      }
    }
  }

  const int side_;
  const std::unique_ptr<void, FreeWith<tjDestroy>> decoder_{tjInitDecompress()};
  std::vector<uint8_t> pixels_;
  std::vector<uint16_t> row_;
  std::vector<Place> columns_;
  std::vector<float> planes_;
};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// CPU-seconds for 1,000 files.
template <class Take>
double timed(const std::vector<File>& files, const Take& take) {
  const double start = cpu_seconds();
  for (const File& file : files) take(file);
  return (cpu_seconds() - start) / static_cast<double>(files.size()) * 1000;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 2) throw std::invalid_argument("Usage: bench_decode FOLDER [SIDE [ROUNDS]]");
  const auto files = read_folder(arguments[1]);
  const int side = count > 2 ? std::atoi(arguments[2]) : 256, rounds = count > 3 ? std::atoi(arguments[3]) : 5;
  constexpr Filter kFilters[] = {Filter::kArea, Filter::kBilinear, Filter::kLanczos};
  std::vector<uint8_t> slot(3 * static_cast<size_t>(side) * static_cast<size_t>(side));
  Reference reference(side);
  std::vector<double> theirs, ours[3];
  for (int round = 0; round < rounds; ++round) {
    theirs.push_back(timed(files, [&](const File& file) { reference.take(file); }));
    for (size_t i = 0; i < 3; ++i) {
      ours[i].push_back(timed(files, [&](const File& file) {
        const Augmentation augmentation{.flip = true, .brightness = 1.1, .crop = {}};
        if (const auto failure = decode_framed(std::as_bytes(std::span(file)),
                                               {.size = {side, side}, .filter = kFilters[i]}, augmentation, slot))
          throw std::runtime_error(failure->detail);
      }));
    }
  }
  fmt::print(
      "CPU-s per 1,000 of {} files to {} x {}, medians of {}: reference {:.2f}, area {:.2f} ({:.2f} of it), "
      "bilinear {:.2f} ({:.2f}), lanczos {:.2f} ({:.2f})\n",
      files.size(), side, side, rounds, median(theirs), median(ours[0]), median(ours[0]) / median(theirs),
      median(ours[1]), median(ours[1]) / median(theirs), median(ours[2]), median(ours[2]) / median(theirs));
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 2;
}
