#pragma once

#include <cstdint>
#include <string>

#include "data/stream.h"

/// A stream's report in words: pure functions for programs to print.
namespace atelier {

/// One line: "1,024 of 6,000 images (17%), 812.4/s, 61.0 MB/s, failures: http-status 3, waits for network, 0:06 left".
///   total  images that will be delivered; 0: no end in sight
std::string progress_line(const StreamReport& report, double seconds, uint64_t total);

/// Failed attempts by kind: "http-status 3, timeout 1", or "none".
std::string failures_text(const StreamReport& report);

/// The end of a stream, a line a fact.
std::string summary_text(const StreamReport& report, double seconds);

/// The same as one JSON object, for programs: delivered, seconds, images_per_second, bytes, substituted, retries,
/// failures (by name), waited, limit, peak_memory, and seconds of each stage.
std::string summary_json(const StreamReport& report, double seconds);

}  // namespace atelier
