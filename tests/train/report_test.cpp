#include "train/report.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "base/files.h"
#include "data/stream.h"
#include "images/decode.h"
#include "tests/train/fixtures.h"

namespace atelier {
namespace {

using testing::HasSubstr;

std::vector<nlohmann::json> metrics_of(const std::filesystem::path& run_dir) {
  std::istringstream lines(read_file(run_dir / "metrics.jsonl"));
  std::vector<nlohmann::json> metrics;
  for (std::string line; std::getline(lines, line);) metrics.push_back(nlohmann::json::parse(line));
  return metrics;
}

constexpr PhaseTimes kTimes{0.25, 0.125, 0.25, 0.25, 0.0625, 0.0625, 0};

/// Steps whose loss is their number.
void report_steps(Report& report, Clock& clock, int count) {
  for (int i = 0; i < count; ++i) {
    clock.advance();
    const auto step = static_cast<double>(clock.step());
    report.step(clock, {.losses = {step, -step},
                        .sample_losses = {},
                        .norms = {1, 2},
                        .rate = 0.01,
                        .skipped = clock.step() == 3,
                        .overflows = clock.step() == 4 ? 2U : 0U,
                        .fault = {},
                        .times = kTimes});
  }
}

const std::vector<std::string> kPlayers = {"generator", "discriminator"};

TEST(Report, WritesALineEveryTenSteps) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  Report report(run.path(), kPlayers, clock, 25);
  report_steps(report, clock, 25);
  const auto metrics = metrics_of(run.path());
  ASSERT_EQ(metrics.size(), 3U) << "after 10 and 20 steps, and at the end of the epoch";
  EXPECT_EQ(metrics[0]["position"], 80);
  EXPECT_EQ(metrics[0]["loss"]["generator"], 5.5) << "the mean of 1 .. 10";
  EXPECT_EQ(metrics[0]["loss"]["discriminator"], -5.5);
  EXPECT_EQ(metrics[0]["gradient_norm"]["discriminator"], 2);
  EXPECT_EQ(metrics[0]["skipped"], 1);
  EXPECT_EQ(metrics[0]["overflows"], 2);
  EXPECT_EQ(metrics[0]["images_per_second"], 8);
  EXPECT_EQ(metrics[0]["waiting"], 0.25);
  EXPECT_EQ(metrics[2]["steps"], 5);
  EXPECT_EQ(metrics[2]["epoch"], 1);
  EXPECT_EQ(metrics[2]["step"], 25);
}

TEST(Report, StaysInOrderWhenARunGoesBack) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  const Clock start = clock;
  {
    Report report(run.path(), kPlayers, clock, 100);
    report_steps(report, clock, 30);
    report.samples(clock, Image(4, 4));
  }
  const std::vector<std::filesystem::path> others = {"samples/20240101-compare.png", "samples/000000000240.jpg",
                                                     "events/events.out.tfevents.1712345678.host"};
  for (const auto& other : others) std::ofstream(run / other) << "of somebody else";
  std::filesystem::create_directories(run / "samples/999999999999/kept");
  std::ofstream(run / "metrics.jsonl", std::ios::app) << "{\"position\": 50, \"cut off by a k";
  Clock resumed = start;
  for (int i = 0; i < 15; ++i) resumed.advance();
  Report report(run.path(), kPlayers, resumed, 100);
  EXPECT_FALSE(std::filesystem::exists(run / "samples/000000000240.png"));
  for (const auto& other : others) EXPECT_TRUE(std::filesystem::exists(run / other)) << other;
  report_steps(report, resumed, 10);
  std::vector<uint64_t> steps;
  for (const auto& line : metrics_of(run.path())) steps.push_back(line["step"]);
  EXPECT_THAT(steps, testing::ElementsAre(10, 20)) << "the line of step 20 is written anew";
  EXPECT_EQ(metrics_of(run.path())[1]["steps"], 5);
}

TEST(Report, KnowsTheHeldOutLossOfBefore) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  {
    Report before(run.path(), kPlayers, clock, 100);
    report_steps(before, clock, 10);
    before.held_out(clock, "L1", {.loss = {0.125, 0.25}, .labels = {}, .set = "a"});
  }
  Report report(run.path(), kPlayers, clock, 100);
  report.status(clock, "running", {});
  const auto status = nlohmann::json::parse(read_file(run / "status.json"));
  EXPECT_EQ(status["held_out"], nlohmann::json::parse(R"({"name": "L1", "raw": 0.125, "average": 0.25})"));
  EXPECT_TRUE(status["saved"].is_null());
}

TEST(Report, GoesOnAfterADiskThatWasFull) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  Report report(run.path(), kPlayers, clock, 100);
  report_steps(report, clock, 10);
  const auto events = run / "events/events.out.tfevents.000000000000.atelier";
  const std::string events_before = read_file(events);
  report_steps(report, clock, 9);
  {
    const FullDisk full(events_before.size() + 20);  // room for half a record
    EXPECT_THROW(report_steps(report, clock, 1), std::runtime_error);
  }
  EXPECT_EQ(read_file(events), events_before);
  const std::string metrics_before = read_file(run / "metrics.jsonl");
  {
    const FullDisk full(metrics_before.size() + 20);
    EXPECT_THROW(report.held_out(clock, "L1", {.loss = {0.125, 0.25}, .labels = {}, .set = "a"}), std::runtime_error);
  }
  EXPECT_EQ(read_file(run / "metrics.jsonl"), metrics_before);
  report_steps(report, clock, 10);
  const auto metrics = metrics_of(run.path());
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_EQ(metrics[1]["step"], 30);
  EXPECT_EQ(metrics[1]["steps"], 10) << "the steps whose line was lost are not counted again";
}

TEST(Report, TellsHowFarARunIs) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  Report report(run.path(), kPlayers, clock, 20);
  EXPECT_THAT(report.progress(clock), HasSubstr("epoch 1/5  step 0"));
  report_steps(report, clock, 30);
  report.held_out(clock, "L1", {.loss = {0.125, 0.25}, .labels = {}, .set = "a"});
  EXPECT_EQ(
      report.progress(clock),
      "epoch 2/5  step 30  0:01:10 left  8 images/s  waiting 25 %  generator 25.5  discriminator -25.5  held-out L1 "
      "0.1250 (average 0.2500)");
  report.status(clock, "running", 160);
  const auto status = nlohmann::json::parse(read_file(run / "status.json"));
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(status["position"], 240);
  EXPECT_EQ(status["saved"], 160);
  EXPECT_EQ(status["total_positions"], 800);
  EXPECT_EQ(status["seconds_left"], 70);
  EXPECT_EQ(status["held_out"]["average"], 0.25);
  EXPECT_EQ(status["loss"]["generator"], 25.5);
}

TEST(Report, SaysWhereTheTimeGoes) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  Report report(run.path(), kPlayers, clock, 100);
  report_steps(report, clock, 5);
  Limit limit;
  limit.sentence = "network: a";
  EXPECT_EQ(report.times(clock, limit), "data is the limit: 25 % of the time goes into waiting for it (network: a)");
  const auto line = metrics_of(run.path()).back();
  EXPECT_EQ(line["kind"], "time");
  EXPECT_EQ(line["steps"], 5);
  EXPECT_EQ(line["limit"], "data");
  double sum = 0;
  for (const auto& name : kPhaseNames) sum += line["seconds"][std::string(name)]["mean"].get<double>();
  EXPECT_DOUBLE_EQ(sum, line["seconds"]["step"]["mean"]);
  EXPECT_DOUBLE_EQ(line["seconds"]["optimizer"]["max"], 0.0625);
}

TEST(Report, TellsHeldOutLossesOfOtherSamplesApart) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  const HeldOutLoss first{.loss = {0.5, 0.25}, .labels = {{"", 3, {1, 2}}, {"chair", 5, {3, 4}}}, .set = "a"};
  const HeldOutLoss second{.loss = {0.5, 0.25}, .labels = {}, .set = "b"};
  {
    Report report(run.path(), kPlayers, clock, 20);
    EXPECT_TRUE(report.held_out(clock, "L1", first)) << "nothing to compare with";
    EXPECT_TRUE(report.held_out(clock, "L1", first));
  }
  Report resumed(run.path(), kPlayers, clock, 20);
  EXPECT_TRUE(resumed.held_out(clock, "L1", first));
  Report again(run.path(), kPlayers, clock, 20);
  EXPECT_FALSE(again.held_out(clock, "L1", second));
  EXPECT_TRUE(again.held_out(clock, "L1", second)) << "said once";
  const auto line = metrics_of(run.path()).front();
  EXPECT_EQ(line["set"], "a");
  EXPECT_EQ(line["labels"][""], (nlohmann::json{{"samples", 3}, {"raw", 1}, {"average", 2}}));
  EXPECT_EQ(line["labels"]["chair"]["average"], 4);
}

TEST(Report, KeepsTheGridsAsPng) {
  const TemporaryFolder run;
  Clock clock(8, 800);
  Report report(run.path(), kPlayers, clock, 20);
  clock.advance();
  Image grid(5, 3);
  grid.rgb[4] = 17;
  report.samples(clock, grid);
  const std::string png = read_file(run / "samples/000000000008.png");
  EXPECT_EQ(std::get<Image>(decode(std::as_bytes(std::span(png)))), grid);
}

}  // namespace
}  // namespace atelier
