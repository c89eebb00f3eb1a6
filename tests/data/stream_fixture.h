#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/files.h"
#include "configs/config.h"
#include "data/develop.h"
#include "data/stream.h"
#include "images/encode.h"
#include "tests/data/fake_source.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {

/// What a stream delivered at one position.
struct Sample {
  int64_t position, entry, label;
  std::string caption, pixels, condition;  // the last two as SHA-256
  bool operator==(const Sample&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Sample& sample) {
  return out << sample.position << " -> " << sample.entry << " " << sample.pixels.substr(0, 8);
}

inline void append(std::vector<Sample>& samples, const Batch& batch) {
  const auto plane = static_cast<size_t>(batch.height) * static_cast<size_t>(batch.width);
  const size_t condition_bytes = plane * static_cast<size_t>(batch.condition_channels);
  for (size_t i = 0; i < static_cast<size_t>(batch.size); ++i) {
    const std::span<const uint8_t> pixels(batch.images + i * 3 * plane, 3 * plane);
    const std::span<const uint8_t> condition(batch.conditions + (batch.conditions ? i * condition_bytes : 0),
                                             condition_bytes);
    samples.push_back({batch.positions[i], batch.entries[i], batch.labels[i], batch.captions[i],
                       sha256_hex(std::as_bytes(pixels)), sha256_hex(std::as_bytes(condition))});
  }
}

/// A web on which some rows are gone, one is no image, and some fail once.
inline FakeWeb::Body flawed(const std::string& address, int time) {
  const uint64_t row = std::stoull(address.substr(12));
  if (row % 7 == 3) return Failure{.fault = Fault::kHttpStatus, .detail = "HTTP 404"};
  if (row == 5) return std::vector<std::byte>(100, std::byte{'<'});
  if (row % 11 == 0 && time == 1) return Failure{.fault = Fault::kTimeout, .detail = "slow", .transient = true};
  Image image(24, 20);
  for (size_t i = 0; i < image.rgb.size() / 2; ++i) image.rgb[i] = static_cast<uint8_t>(row * 7 + i % 3 * 40);
  return encode_png(image);
}

/// A list of `rows` different small pictures on a fake web. Row i is http://fake/i.png, label "even" or "odd".
class StreamTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRows = 60;

  StreamTest() {
    config_.seed = 11;
    config_.train.batch_size = 8;
    config_.data.image_size = 16;
    config_.data.threads = 2;
    config_.data.connections = 8;
    config_.data.max_image_size = 100'000;
    use_rows(kRows);
  }

  static std::string url(uint64_t row) { return "http://fake/" + std::to_string(row) + ".png"; }
  static uint64_t row_of(const std::string& address) { return std::stoull(address.substr(12)); }

  /// A picture that no other row has, with an edge in it.
  static std::vector<std::byte> picture(uint64_t row) {
    Image image(24, 20);
    for (size_t i = 0; i < image.rgb.size() / 2; ++i) {
      image.rgb[i] = static_cast<uint8_t>(row * 7 + i % 3 * 40 + i / 300);
    }
    return encode_png(image);
  }

  void use_list(const std::string& jsonl) {
    std::ofstream(folder_ / "list.jsonl") << jsonl;
    config_.data.list = (folder_ / "list.jsonl").string();
    manifest_ = std::make_shared<Manifest>(config_.data.list);
  }
  void use_rows(uint64_t rows) {
    std::string text;
    for (uint64_t row = 0; row < rows; ++row) {
      text += "{\"url\":\"" + url(row) + "\",\"label\":\"" + (row % 2 == 0 ? "even" : "odd") + "\",\"caption\":\"c" +
              std::to_string(row) + "\"}\n";
    }
    use_list(text);
  }
  StreamPlan plan() const { return plan_stream(config_, manifest_); }

  /// The first `batches` batches of a stream over `web`.
  std::vector<Sample> read(FakeWeb& web, int batches, std::optional<StreamPlan> given = {}) const {
    Stream stream(config_, given ? *given : plan(), web.source());
    std::vector<Sample> samples;
    for (int i = 0; i < batches; ++i) append(samples, stream.next());
    return samples;
  }

  /// The sentence that ends a stream over `web`, and how many samples came before.
  std::pair<std::string, size_t> read_to_the_end(FakeWeb& web) const {
    Stream stream(config_, plan(), web.source());
    std::vector<Sample> samples;
    try {
      for (int i = 0; i < 1000; ++i) append(samples, stream.next());
    } catch (const std::exception& error) {
      return {error.what(), samples.size()};
    }
    return {"did not end", samples.size()};
  }

  static FakeWeb::Body found(const std::string& address) { return picture(row_of(address)); }
  static Failure not_found() { return {.fault = Fault::kHttpStatus, .detail = "HTTP 404"}; }
  static Failure busy() { return {.fault = Fault::kHttpStatus, .detail = "HTTP 503", .transient = true}; }
  static Failure no_name() { return {.fault = Fault::kDns, .detail = "no such host", .transient = true}; }

  const TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
  Config config_;
  std::shared_ptr<const Manifest> manifest_;
};

}  // namespace atelier::test
