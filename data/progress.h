#pragma once

#include <cstdint>
#include <string>

#include "data/stream.h"

/// A stream's report in words: pure functions for programs to print.
namespace atelier {

/// One line, what matters most first, as a terminal may cut it: "1,024 of 6,000 images (17%), 812.4/s, 0:00:06 left,
/// waits for network (example.org:443) 812 of 990/s, 61.0 MB/s, failures: http-status 3".
///   total  images that will be delivered; 0: no end in sight
std::string progress_line(const StreamReport& report, double seconds, uint64_t total);

/// "250 us", "31.2 ms", "1.25 s".
std::string duration_text(double seconds);

/// "512 B", "61.4 MB", "1.2 TB": thousands, three digits.
std::string size_text(double bytes);

/// Failed attempts by kind: "http-status 3, timeout 1", or "none".
std::string failures_text(const StreamReport& report);

/// The end of a stream: a line a fact, and a line a stage.
std::string summary_text(const StreamReport& report, double seconds);

/// The same as one JSON object, for programs; docs/metrics.md names its fields.
std::string summary_json(const StreamReport& report, double seconds);

/// How often a program that runs for long writes summary_json to a file.
inline constexpr double kReportSeconds = 30;

}  // namespace atelier
