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

TEST(HostHealth, IsLeftAloneForAsLongAsItAsks) {
  HostHealth health;
  health.note_failure(status(429, 7), kStart);
  health.note_failure(status(429, 3), kStart);  // of a request that was under way; the longer one counts
  const auto refused = health.refuse(kStart + seconds(5));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_TRUE(refused->transient);
  EXPECT_DOUBLE_EQ(refused->retry_after, 2);
  EXPECT_EQ(refused->host_down, 0);
  EXPECT_FALSE(health.refuse(kStart + seconds(7)));
  EXPECT_FALSE(health.refuse(kStart + seconds(7))) << "open for all again";
}

TEST(HostHealth, GivesUpAHostThatCannotBeReachedAndTriesItNowAndThen) {
  HostHealth health;
  for (int i = 0; i < 4; ++i) health.note_failure(kUnreachable, kStart + seconds(i));
  EXPECT_FALSE(health.refuse(kStart + seconds(4)));
  health.note_failure(kUnreachable, kStart + seconds(10));
  const auto refused = health.refuse(kStart + seconds(10));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->fault, Fault::kConnect);
  EXPECT_DOUBLE_EQ(refused->host_down, 10) << "since the first failure";
  EXPECT_DOUBLE_EQ(refused->retry_after, 0.5);
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
  for (int i = 0; i < 100; ++i) health.note_failure(kUnreachable, kStart);
  EXPECT_TRUE(health.refuse(kStart + seconds(59)));
  EXPECT_FALSE(health.refuse(kStart + seconds(60)));
}

}  // namespace
}  // namespace atelier
