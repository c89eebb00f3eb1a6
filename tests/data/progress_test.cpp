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
  report.fetch.bytes = 30'000'000;
  report.substituted = 4;
  report.failures[static_cast<size_t>(Fault::kHttpStatus)] = 3;
  report.failures[static_cast<size_t>(Fault::kTimeout)] = 1'200;
  report.waited = 2.5;
  report.limit = {.stage = "network",
                  .host = "h:80",
                  .network_gives = 31,
                  .decode_gives = 310,
                  .consumer_takes = 55,
                  .sentence = "network: h:80 gives 31.0 images/s, the consumer takes 55.0",
                  .brief = "network (h:80) 31.0 of 55.0/s"};
  report.fetch.busy = 9;
  report.fetch.blocked = 1;
  for (int i = 0; i < 100; ++i) report.fetch.item.add(0.0125);
  report.fetch.waiting = 12;
  report.fetch.waiting_total = 70;
  report.hosts = {
      {.host = "h:80", .images = 90, .bytes = 900, .failures = 10, .waited = 50, .transferring = 20, .busy = 9}};
  return report;
}

TEST(Progress, ALineSaysHowFarHowFastWhatFailedAndHowLongStill) {
  EXPECT_EQ(progress_line(busy_report(), 10, 6'000),
            "1,500 of 6,000 images (25%), 150.0/s, 0:00:30 left, waits for network (h:80) 31.0 of 55.0/s, 3.0 MB/s, "
            "failures: timeout 1,200, http-status 3");
}

TEST(Progress, TheFirstMomentHasNoRates) {
  EXPECT_EQ(progress_line({}, 0, 100), "0 of 100 images (0%), 0.0/s, waits for , 0.0 MB/s, failures: none");
}

TEST(Progress, TheSummaryNamesTheStageAndTheFailures) {
  const std::string text = summary_text(busy_report(), 10);
  EXPECT_THAT(text, HasSubstr("1,500 images in 10.0 s (150.0/s), 30.0 MB (3.0 MB/s)"));
  EXPECT_THAT(text, HasSubstr("4 substituted"));
  EXPECT_THAT(text, HasSubstr("25% of the time waiting for data"));
  EXPECT_THAT(text, HasSubstr("\nfetch       90%        0%       10%    12.5 ms    12.5 ms    12.5 ms       7.0\n"));
  EXPECT_THAT(text, HasSubstr("\nnetwork: h:80 gives 31.0 images/s, the consumer takes 55.0\n"));
}

TEST(Progress, TheSummaryIsAlsoJson) {
  const auto json = nlohmann::json::parse(summary_json(busy_report(), 10));
  EXPECT_EQ(json["delivered"], 1500);
  EXPECT_EQ(json["failures"]["timeout"], 1200);
  EXPECT_EQ(json["failures"].size(), 2u);
  EXPECT_EQ(json["limit"], "network");
  EXPECT_EQ(json["limit_host"], "h:80");
  EXPECT_EQ(json["network_gives"], 31);
  EXPECT_EQ(json["fetch"]["items"], 100);
  EXPECT_NEAR(json["fetch"]["p95"], 0.0125, 0.0008);
  EXPECT_EQ(json["fetch"]["waiting"], 12);
  EXPECT_EQ(json["fetch"]["waiting_mean"], 7);
  EXPECT_EQ(json["hosts"].size(), 1u);
  EXPECT_EQ(json["hosts"][0]["images_per_second"], 10);
  EXPECT_EQ(json["hosts"][0]["mean_wait"], 0.5);
  EXPECT_EQ(json["hosts"][0]["mean_transfer"], 0.2);
  EXPECT_DOUBLE_EQ(json["images_per_second"], 150);
}

}  // namespace
}  // namespace atelier
