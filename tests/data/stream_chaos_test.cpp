#include <gtest/gtest.h>
#include <string>
#include <tuple>
#include <vector>

#include "tests/data/chaos_fixture.h"

// The stream over the real source against web servers that misbehave in dozens of ways at once. Whatever the
// settings, however the run is shared and cut: exactly the samples that order, verdicts and substitution say, with the
// pixels of a calm web.

namespace atelier::test {
namespace {

using StreamChaos = ChaosTest;

TEST_F(StreamChaos, EveryKindOfMisbehaviourHasItsOutcome) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    storm(seed);
    Stream stream = open(plan());
    EXPECT_EQ(lines(take(stream, 2 * kRows)), lines(expected_samples(2 * kRows))) << "seed " << seed;
    EXPECT_EQ(lines(stream.state().verdicts), expected_verdicts(2 * kRows)) << "seed " << seed;
    EXPECT_LT(stream.report().source.bytes, 30'000'000u) << "a body that never ends is cut after 50,000 bytes";
  }
}

TEST_F(StreamChaos, ThreadsConnectionsAndHeadChangeNothing) {
  storm(4);
  const auto expected = lines(expected_samples(kRows));
  for (const auto& [threads, connections, head] : {std::tuple{1, 1, HeadCheck::kAlways},
                                                   {8, 32, HeadCheck::kAlways},
                                                   {1, 32, HeadCheck::kAuto},
                                                   {8, 3, HeadCheck::kAuto},
                                                   {8, 32, HeadCheck::kNever}}) {
    config_.data.threads = threads;
    config_.data.connections = connections;
    config_.data.head = head;
    web_->reset();
    Stream stream = open(plan());
    EXPECT_EQ(lines(take(stream, kRows)), expected) << threads << " threads, " << connections << " connections";
    EXPECT_EQ(lines(stream.state().verdicts), expected_verdicts(kRows));
  }
}

TEST_F(StreamChaos, WhatHeadSaysSettlesTheMatterWhenItIsAlwaysAsked) {
  use_web(5, {Needs::kNothing, Needs::kShortDeadline, Needs::kHead});
  Stream stream = open(plan());
  EXPECT_EQ(lines(take(stream, kRows)), lines(expected_samples(kRows)));
  EXPECT_EQ(lines(stream.state().verdicts), expected_verdicts(kRows));
}

TEST_F(StreamChaos, APairIsDeliveredWhenBothOfItsImagesAre) {
  config_.data.condition = Condition::kFile;
  storm(12);
  const std::string expected = lines(expected_samples(40));
  for (const auto& [threads, connections] : {std::pair{1, 4}, {8, 32}}) {
    config_.data.threads = threads;
    config_.data.connections = connections;
    web_->reset();
    Stream stream = open(plan());
    EXPECT_EQ(lines(take(stream, 40)), expected) << connections;
    EXPECT_EQ(lines(stream.state().verdicts), expected_verdicts(40)) << connections;
  }
}

TEST_F(StreamChaos, AnyNumberOfProcessesSeeTheSameAndTheirVerdictsAddUp) {
  storm(6);
  const auto expected = lines(expected_samples(64));
  for (const uint64_t world : {1u, 2u, 3u, 4u, 7u, 8u}) {
    web_->reset();
    StreamState state;
    EXPECT_EQ(lines(leg(state, world, 8, 64)), expected) << world;
    EXPECT_EQ(lines(state.verdicts), expected_verdicts(64)) << world;
  }
}

TEST_F(StreamChaos, StopsAtEveryPositionChangeNothing) {
  storm(7);
  const auto expected = lines(expected_samples(36));
  for (const uint64_t every : {1u, 3u, 4u, 9u, 18u}) {
    std::vector<Sample> samples;
    StreamState state;
    while (samples.size() < 36) {
      web_->reset();
      for (const Sample& sample : leg(state, 1, every, every)) samples.push_back(sample);
      state.verdicts = Verdicts::from_jsonl(state.verdicts.to_jsonl());
    }
    EXPECT_EQ(lines(samples), expected) << every;
    EXPECT_EQ(lines(state.verdicts), expected_verdicts(36)) << every;
  }
}

TEST_F(StreamChaos, EachLegMayHaveItsOwnBatchProcessesAndThreads) {
  storm(8);
  struct Leg {
    uint64_t world, batch, samples;
    int threads, connections;
    HeadCheck head;
  };
  std::vector<Sample> samples;
  StreamState state;
  for (const Leg& next : {Leg{1, 8, 24, 2, 8, HeadCheck::kAlways}, Leg{7, 14, 28, 1, 32, HeadCheck::kNever},
                          Leg{3, 5, 15, 8, 1, HeadCheck::kAuto}, Leg{2, 29, 29, 8, 32, HeadCheck::kAlways}}) {
    web_->reset();
    config_.data.threads = next.threads;
    config_.data.connections = next.connections;
    config_.data.head = next.head;
    for (const Sample& sample : leg(state, next.world, next.batch, next.samples)) samples.push_back(sample);
  }
  EXPECT_EQ(lines(samples), lines(expected_samples(96)));
  EXPECT_EQ(lines(state.verdicts), expected_verdicts(96));
}

TEST_F(StreamChaos, WithPatienceBusyHostsAndOneThatDiesHeal) {
  config_.data.sample_deadline = 120;
  use_web(9, {Needs::kNothing, Needs::kLongDeadline, Needs::kOneAddress});
  config_.data.connections = 32;
  web_->let_a_host_die(20, 0.6);
  Stream stream = open(plan());
  EXPECT_EQ(lines(take(stream, kRows)), lines(expected_samples(kRows)));
  EXPECT_EQ(lines(stream.state().verdicts), expected_verdicts(kRows));
  EXPECT_EQ(web_->deaths(), 1);
}

TEST_F(StreamChaos, WhoeverNeverAnswersIsReplaced) {
  config_.data.head_timeout = config_.data.get_timeout = 1;
  config_.data.connections = 32;
  use_web(5, {Needs::kShortTimeouts});  // a seed that puts no three of them on one host
  Stream stream = open(plan());
  EXPECT_EQ(lines(take(stream, kRows)), lines(expected_samples(kRows)));
  EXPECT_EQ(lines(stream.state().verdicts), expected_verdicts(kRows));
}

TEST_F(StreamChaos, AProcessThatIsKilledIsFollowedByOneThatGoesOn) {
  use_web(11, {Needs::kNothing, Needs::kShortDeadline});
  const std::string cache = "--data.cache=" + (folder_ / "cache").string();
  std::string dumped;
  for (const auto& [start, count, flags] : {std::tuple<int, int, std::string>{0, 13, "--data.threads=1"},
                                            {13, 27, "--data.connections=1"},
                                            {40, 35, "--data.head=never"},
                                            {75, 5, cache}}) {
    web_->reset();
    dumped += dump_and_kill(start, count, flags);
  }
  std::string expected;
  for (const Sample& sample : expected_samples(80))
    expected += fmt::format("{},{},{}\n", sample.position, sample.entry, sample.pixels);
  EXPECT_EQ(dumped, expected);
}

}  // namespace
}  // namespace atelier::test
