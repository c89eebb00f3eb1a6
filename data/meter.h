#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "data/stream.h"

namespace atelier {

/// Shows how a stream is doing on stderr, and in a file, on a thread of its own while another takes its batches. For
/// programs.
class Meter {
 public:
  /// total  images that will be taken; 0: no end in sight
  /// file   where summary_json goes every kReportSeconds and at the end, however that comes
  Meter(const Stream& stream, uint64_t total, std::optional<std::string> file);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  void run(const std::stop_token& stop) const;
  void write_report() const noexcept;

  const Stream& stream_;
  const uint64_t total_;
  const std::optional<std::string> file_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::jthread thread_;
};

}  // namespace atelier
