#include "data/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace atelier {
namespace {

using ::testing::HasSubstr;

StreamReport busy_report() {
  StreamReport report;
  report.delivered = 1'500;
  report.bytes = 30'000'000;
  report.substituted = 4;
  report.failures[static_cast<size_t>(Fault::kHttpStatus)] = 3;
  report.failures[static_cast<size_t>(Fault::kTimeout)] = 1'200;
  report.waited = 2.5;
  report.limit = "network";
  return report;
}

TEST(Progress, ALineSaysHowFarHowFastWhatFailedAndHowLongStill) {
  EXPECT_EQ(
      progress_line(busy_report(), 10, 6'000),
      "1,500 of 6,000 images (25%), 150.0/s, 3.0 MB/s, failures: timeout 1,200, http-status 3, waits for network, "
      "0:00:30 left");
}

TEST(Progress, TheFirstMomentHasNoRates) {
  EXPECT_EQ(progress_line({}, 0, 100), "0 of 100 images (0%), 0.0/s, 0.0 MB/s, failures: none, waits for ");
}

TEST(Progress, TheSummaryNamesTheStageAndTheFailures) {
  const std::string text = summary_text(busy_report(), 10);
  EXPECT_THAT(text, HasSubstr("1,500 images in 10.0 s (150.0/s), 30.0 MB (3.0 MB/s)"));
  EXPECT_THAT(text, HasSubstr("4 substituted"));
  EXPECT_THAT(text, HasSubstr("25% of the time waiting for data"));
}

TEST(Progress, TheSummaryIsAlsoJson) {
  const auto json = nlohmann::json::parse(summary_json(busy_report(), 10));
  EXPECT_EQ(json["delivered"], 1500);
  EXPECT_EQ(json["failures"]["timeout"], 1200);
  EXPECT_EQ(json["failures"].size(), 2u);
  EXPECT_EQ(json["limit"], "network");
  EXPECT_DOUBLE_EQ(json["images_per_second"], 150);
}

}  // namespace
}  // namespace atelier
