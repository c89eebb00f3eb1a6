#include <gtest/gtest.h>
#include <map>
#include <vector>

#include "tests/data/stream_fixture.h"

// One run, however it is cut: among how many processes, in which batches, with how many stops. Every web has entries
// that fail, some only at first.

namespace atelier::test {
namespace {

using ElasticStream = StreamTest;

/// The next `count` samples from `start` on in batches of `batch`, read by `world` processes one after another, whose
/// verdicts are merged.
std::vector<Sample> read_leg(const Config& config, StreamPlan plan, FakeWeb& web, uint64_t world, uint64_t count) {
  std::map<int64_t, Sample> by_position;
  const StreamState start = plan.start;
  for (uint64_t rank = 0; rank < world; ++rank) {
    plan.rank = rank;
    plan.world = world;
    plan.start = start;
    Stream stream(config, plan, web.source());
    std::vector<Sample> samples;
    for (uint64_t taken = 0; taken < count; taken += plan.batch) append(samples, stream.next());
    for (const Sample& sample : samples) by_position.emplace(sample.position, sample);
  }
  std::vector<Sample> together;
  for (const auto& [position, sample] : by_position) together.push_back(sample);
  return together;
}

TEST_F(ElasticStream, AnyNumberOfProcessesDeliverWhatOneWouldAlone) {
  FakeWeb web(flawed);
  const auto expected = read(web, 12);
  for (const uint64_t world : {1u, 2u, 3u, 4u, 7u, 8u})
    EXPECT_EQ(read_leg(config_, plan(), web, world, 96), expected) << world;
}

TEST_F(ElasticStream, AnotherBatchSizeFromAPositionOnMovesNobody) {
  FakeWeb web(flawed);
  const auto expected = read(web, 18);  // 144 samples in batches of 8
  for (const uint64_t change : {24u, 48u, 72u, 96u}) {
    Stream first(config_, plan(), web.source());
    std::vector<Sample> samples;
    while (first.state().position < change) append(samples, first.next());
    StreamPlan rest = plan();
    rest.start = first.state();
    rest.batch = 12;
    for (const Sample& sample : read_leg(config_, rest, web, 1, 144 - change)) samples.push_back(sample);
    EXPECT_EQ(samples, expected) << change;
  }
}

TEST_F(ElasticStream, StopsAfterEveryBatchChangeNothing) {
  FakeWeb web(flawed);
  const auto expected = read(web, 12);
  for (const int stride : {1, 2, 5}) {
    std::vector<Sample> samples;
    StreamState state;
    while (samples.size() < expected.size()) {
      StreamPlan leg = plan();
      leg.start = state;
      Stream stream(config_, leg, web.source());
      for (int i = 0; i < stride && samples.size() < expected.size(); ++i) append(samples, stream.next());
      state = {stream.state().position, Verdicts::from_jsonl(stream.state().verdicts.to_jsonl())};
    }
    EXPECT_EQ(samples, expected) << stride;
  }
}

TEST_F(ElasticStream, MergedVerdictsOfAllProcessesAreThoseOfOne) {
  FakeWeb web(flawed);
  Stream alone(config_, plan(), web.source());
  for (int i = 0; i < 12; ++i) alone.next();
  for (const uint64_t world : {2u, 3u, 8u}) {
    Verdicts merged;
    for (uint64_t rank = 0; rank < world; ++rank) {
      StreamPlan share = plan();
      share.rank = rank;
      share.world = world;
      Stream stream(config_, share, web.source());
      for (int i = 0; i < 12; ++i) stream.next();
      merged.merge(stream.state().verdicts);
    }
    EXPECT_EQ(merged.to_jsonl(), alone.state().verdicts.to_jsonl()) << world;
  }
}

}  // namespace
}  // namespace atelier::test
