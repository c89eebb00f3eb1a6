#include "data/host_health.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const SteadyClock::time_point kStart{};

Failure status(int code, double retry_after = 0) {
  return {Fault::kHttpStatus, "HTTP " + std::to_string(code), true, retry_after, code};
}
const Failure kUnreachable{Fault::kConnect, "refused", true};
const Failure kSlow{Fault::kTimeout, "GET took over 30 s", true};

TEST(HostHealth, HalvesWhenBusyOrSlowAndGrowsByOneARound) {
  HostHealth health;
  EXPECT_TRUE(health.is_well());
  EXPECT_EQ(health.limit(), 16);
  health.note_failure(status(429), kStart);
  EXPECT_EQ(health.limit(), 8);
  health.note_failure(status(503), kStart);
  health.note_failure(kSlow, kStart);
  EXPECT_EQ(health.limit(), 2);
  for (int i = 0; i < 5; ++i) health.note_failure(kSlow, kStart);
  EXPECT_EQ(health.limit(), 1);
  EXPECT_FALSE(health.is_well());
  health.note_answer();
  EXPECT_EQ(health.limit(), 2) << "a round of 1";
  for (int i = 0; i < 3; ++i) health.note_failure(status(404), kStart);  // answers, if bad ones
  EXPECT_EQ(health.limit(), 3) << "a round of 2 and some";
  for (int i = 0; i < 200; ++i) health.note_answer();
  EXPECT_EQ(health.limit(), 16);
  EXPECT_TRUE(health.is_well());
}

TEST(HostHealth, IsLeftAloneForAsLongAsItAsksWhateverElseItAnswers) {
  HostHealth health;
  health.note_failure(status(429, 7), kStart);
  health.note_failure(status(429, 3), kStart);  // of a request that was under way; the longer one counts
  const auto refused = health.refuse(kStart + seconds(5));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_TRUE(refused->transient);
  EXPECT_TRUE(refused->not_asked);
  EXPECT_DOUBLE_EQ(refused->retry_after, 2);
  EXPECT_DOUBLE_EQ(refused->host_down, 5) << "no good answer since";
  health.note_answer();  // of another request that was under way
  ASSERT_TRUE(health.refuse(kStart + seconds(6)));
  EXPECT_EQ(health.refuse(kStart + seconds(6))->host_down, 0);
  EXPECT_FALSE(health.refuse(kStart + seconds(7)));
  EXPECT_FALSE(health.refuse(kStart + seconds(7))) << "open for all again";
}

TEST(HostHealth, GivesUpAHostThatCannotBeReachedAndTriesItNowAndThen) {
  HostHealth health;
  for (int i = 0; i < 4; ++i) health.note_failure(kUnreachable, kStart + seconds(i));
  EXPECT_FALSE(health.refuse(kStart + seconds(4)));
  for (int i = 0; i < 12; ++i) health.note_failure(kUnreachable, kStart + seconds(10));  // all that were under way
  const auto refused = health.refuse(kStart + seconds(10));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->fault, Fault::kConnect);
  EXPECT_DOUBLE_EQ(refused->host_down, 10) << "since the first failure";
  EXPECT_DOUBLE_EQ(refused->retry_after, 0.5) << "they are one round";
  EXPECT_FALSE(health.refuse(kStart + milliseconds(10'500))) << "one may try";
  EXPECT_TRUE(health.refuse(kStart + milliseconds(10'600))) << "the others not";
  health.note_failure(kUnreachable, kStart + seconds(11));
  EXPECT_TRUE(health.refuse(kStart + milliseconds(11'900))) << "now for a second";
  EXPECT_FALSE(health.refuse(kStart + seconds(12)));
  health.note_answer();
  EXPECT_FALSE(health.refuse(kStart + seconds(12)));
  EXPECT_TRUE(health.is_well());
}

TEST(HostHealth, NeverWaitsMoreThanAMinuteBetweenTries) {
  HostHealth health;
  auto now = kStart;
  for (int i = 0; i < 4; ++i) health.note_failure(kUnreachable, now);
  double longest = 0;
  for (int i = 0; i < 20; ++i) {
    health.note_failure(kUnreachable, now);
    const double pause = health.refuse(now)->retry_after;
    longest = std::max(longest, pause);
    now += to_clock(pause);
    EXPECT_FALSE(health.refuse(now));
  }
  EXPECT_DOUBLE_EQ(longest, HostHealth::kLongestPause);
}

}  // namespace
}  // namespace atelier
