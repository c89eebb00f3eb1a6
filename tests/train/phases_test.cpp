#include "train/phases.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "data/stream.h"

namespace atelier {
namespace {

void spend(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

PhaseTimes times_of(double wait, double forward, double backward) {
  PhaseTimes times{};
  times[static_cast<size_t>(Phase::kWait)] = wait;
  times[static_cast<size_t>(Phase::kForward)] = forward;
  times[static_cast<size_t>(Phase::kBackward)] = backward;
  return times;
}

TEST(PhaseClock, AddsUpToTheWholeTime) {
  const auto begin = std::chrono::steady_clock::now();
  PhaseClock clock(Phase::kWait);
  spend(20);
  clock.enter(Phase::kForward);
  spend(10);
  clock.enter(Phase::kBackward);
  spend(5);
  clock.enter(Phase::kForward);
  spend(10);
  const PhaseTimes times = clock.stop();
  const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_NEAR(std::accumulate(times.begin(), times.end(), 0.0), whole, 0.01);
  EXPECT_GE(times[static_cast<size_t>(Phase::kWait)], 0.02);
  EXPECT_GE(times[static_cast<size_t>(Phase::kForward)], 0.02) << "both times";
  EXPECT_GE(times[static_cast<size_t>(Phase::kBackward)], 0.005);
  EXPECT_EQ(times[static_cast<size_t>(Phase::kCopy)], 0);
}

Limit limit(const std::string& stage) {
  Limit limit;
  limit.stage = stage;
  limit.sentence = stage + ": so and so";
  return limit;
}

TEST(PhaseReport, SaysThatComputeIsTheLimit) {
  PhaseReport report;
  for (int i = 0; i < 100; ++i) report.add(times_of(0, 0.3, i < 50 ? 0.7 : 0.9));
  EXPECT_FALSE(report.data_limits());
  const std::string verdict = report.verdict(limit("network"));
  EXPECT_EQ(verdict.substr(0, verdict.find(" of a step")),
            "compute is the limit: backward 73 %, forward 27 %, wait 0 %");
  const auto json = report.to_json();
  EXPECT_NEAR(json["backward"]["p50"], 0.7, 0.7 / 16);
  EXPECT_NEAR(json["backward"]["p95"], 0.9, 0.9 / 16);
  EXPECT_NEAR(json["step"]["mean"], 1.1, 1e-9);
  EXPECT_NEAR(json["step"]["max"], 1.2, 1e-9);
}

TEST(PhaseReport, SaysThatDataIsTheLimit) {
  PhaseReport report;
  report.add(times_of(0.1, 0.9, 0.9));
  EXPECT_TRUE(report.data_limits());
  EXPECT_EQ(report.verdict(limit("network")),
            "data is the limit: 5 % of the time goes into waiting for it (network: so and so)");
  EXPECT_EQ(report.verdict(limit("consumer")),
            "data is the limit: 5 % of the time goes into waiting for it, though the stream could give more "
            "(consumer: so and so)");
  report = {};
  report.add(times_of(0.09, 0.9, 0.9));
  EXPECT_FALSE(report.data_limits());
}

}  // namespace
}  // namespace atelier
