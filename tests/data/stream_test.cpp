#include "data/stream.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "data/retry.h"
#include "tests/data/stream_fixture.h"

namespace atelier::test {
namespace {

using ::testing::HasSubstr;

TEST_F(StreamTest, DeliversTheEntriesThatTheOrderNamesDevelopedForTheirPositions) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto samples = read(web, 16);
  const Recipe recipe = recipe_of(config_, true);
  ASSERT_EQ(samples.size(), 128u);
  std::vector<uint8_t> pixels(3 * 16 * 16);
  for (uint64_t position = 0; position < samples.size(); ++position) {
    const uint64_t row = slot_at(plan().order, position);
    const auto bytes = picture(row);
    ASSERT_FALSE(develop(recipe, position, {.image = bytes, .condition = {}, .sha256 = {}}, {{16, 16}, pixels, {}}));
    const Sample expected{static_cast<int64_t>(position),
                          static_cast<int64_t>(row),
                          static_cast<int64_t>(row % 2),
                          "c" + std::to_string(row),
                          sha256_hex(std::as_bytes(std::span(pixels))),
                          sha256_hex("")};
    EXPECT_EQ(samples[position], expected);
  }
}

TEST_F(StreamTest, EveryEntryComesOnceInAPass) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  std::multiset<int64_t> seen;
  config_.train.batch_size = 6;
  for (const Sample& sample : read(web, 20)) seen.insert(sample.entry);
  for (int64_t row = 0; row < static_cast<int64_t>(kRows); ++row) EXPECT_EQ(seen.count(row), 2u);
}

TEST_F(StreamTest, IsTheSameForAnyThreadsConnectionsMemoryAndOrderOfArrival) {
  FakeWeb calm(flawed);
  const auto expected = read(calm, 25);
  std::set<int64_t> entries;
  for (const Sample& sample : expected) entries.insert(sample.entry);
  EXPECT_FALSE(entries.contains(3) || entries.contains(10) || entries.contains(5));
  const uint64_t memory = config_.data.memory;
  for (const int threads : {1, 8}) {
    for (const int connections : {1, 32}) {
      FakeWeb web(flawed);
      web.scramble = static_cast<uint32_t>(threads * 100 + connections);
      web.pause = std::chrono::microseconds(threads == 1 ? 0 : 50);
      config_.data.threads = threads;
      config_.data.connections = connections;
      config_.data.memory = connections == 1 ? 1'000'000 : memory;
      EXPECT_EQ(read(web, 25), expected) << threads << " threads, " << connections << " connections";
    }
  }
}

TEST_F(StreamTest, ResumesFromAnyBatchWithItsState) {
  FakeWeb web(flawed);
  const auto expected = read(web, 20);
  for (const int before : {1, 7, 12}) {
    StreamPlan rest = plan();
    {
      Stream stream(config_, plan(), web.source());
      for (int i = 0; i < before; ++i) stream.next();
      rest.start = stream.state();
    }
    EXPECT_EQ(rest.start.position, static_cast<uint64_t>(before) * 8);
    const auto tail = read(web, 20 - before, rest);
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), expected.begin() + before * 8, expected.end()));
  }
}

TEST_F(StreamTest, StartsAtAPositionThatIsNoMultipleOfTheBatch) {
  FakeWeb web(flawed);
  const auto expected = read(web, 5);
  StreamPlan late = plan();
  late.start.position = 13;
  const auto samples = read(web, 3, late);
  EXPECT_TRUE(std::equal(samples.begin(), samples.end(), expected.begin() + 13));
}

TEST_F(StreamTest, EndsWhereItsPlanEndsAndAsksForNothingBehind) {
  FakeWeb other([](const std::string& address, int) { return found(address); });
  const auto expected = read(other, 4);
  for (const uint64_t world : {1u, 2u}) {
    FakeWeb web([](const std::string& address, int) { return found(address); });
    std::vector<Sample> samples;
    for (uint64_t rank = 0; rank < world; ++rank) {
      StreamPlan some = plan();
      some.start.position = 3;
      some.end = 24;  // two batches of 8 and one of 5
      some.rank = rank;
      some.world = world;
      Stream stream(config_, some, web.source());
      for (int i = 0; i < 3; ++i) append(samples, stream.next({}, std::chrono::seconds(20)));
      EXPECT_EQ(stream.state().position, 24u);
      EXPECT_THROW(stream.next({}, std::chrono::seconds(1)), std::logic_error);
    }
    std::ranges::sort(samples, {}, &Sample::position);
    EXPECT_TRUE(std::equal(samples.begin(), samples.end(), expected.begin() + 3, expected.begin() + 24));
    int asked = 0;
    for (uint64_t row = 0; row < kRows; ++row) asked += web.asked(url(row));
    EXPECT_EQ(asked, 21) << world;
  }
}

TEST_F(StreamTest, ARankWhoseShareOfTheLastBatchIsEmptyHasOneBatchLess) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  StreamPlan some = plan();
  some.end = 10;  // a batch of 8 and one of 2, which are the first rank's
  some.world = 2;
  some.rank = 1;
  Stream stream(config_, some, web.source());
  EXPECT_EQ(stream.next({}, std::chrono::seconds(20)).size, 4);
  EXPECT_THROW(stream.next({}, std::chrono::seconds(1)), std::logic_error);
}

TEST_F(StreamTest, MoreRanksThanSamplesAreRefused) {
  FakeWeb web(flawed);
  StreamPlan thin = plan();
  thin.world = 9;
  EXPECT_THROW(Stream(config_, thin, web.source()), std::invalid_argument);
}

TEST_F(StreamTest, AnOutlineIsThatOfTheFinalPixels) {
  config_.data.condition = Condition::kOutline;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  Stream stream(config_, plan(), web.source());
  const Batch batch = stream.next();
  ASSERT_EQ(batch.condition_channels, 1);
  for (size_t i = 0; i < 8; ++i) {
    const Image image = from_planes({batch.images + i * 768, 768}, 16, 16);
    const std::vector<uint8_t> lines(batch.conditions + i * 256, batch.conditions + (i + 1) * 256);
    EXPECT_EQ(lines, outline(image).pixels);
  }
}

TEST_F(StreamTest, AConditionFileIsFetchedWithItsImageAndMirroredWithIt) {
  config_.data.condition = Condition::kFile;
  config_.data.brightness = 0;
  std::string list;
  for (uint64_t row = 0; row < 20; ++row) {
    list += "{\"url\":\"" + url(row) + "\"" +
            (row == 2 ? "" : ",\"condition_url\":\"" + url(row == 3 ? 1000 : row) + "\"") + "}\n";
  }
  use_list(list);
  FakeWeb web([](const std::string& address, int) { return row_of(address) == 1000 ? not_found() : found(address); });
  Stream stream(config_, plan(), web.source());
  for (int i = 0; i < 5; ++i) {
    const Batch batch = stream.next();
    ASSERT_EQ(batch.condition_channels, 3);
    EXPECT_TRUE(std::equal(batch.images, batch.images + 8 * 768, batch.conditions));
  }
  const Verdicts ledger = stream.state().verdicts;
  ASSERT_TRUE(ledger.has(2) && ledger.has(3));
  EXPECT_EQ(ledger.find(2)->fault, Fault::kBadUrl);
  EXPECT_EQ(ledger.find(3)->fault, Fault::kHttpStatus);
}

TEST_F(StreamTest, ABudgetOfOneByteStillMakesProgress) {
  FakeWeb web(flawed);
  const auto expected = read(web, 6);
  config_.data.memory = 1;
  EXPECT_EQ(read(web, 6), expected);
}

TEST_F(StreamTest, MemoryStaysInsideTheBudget) {
  config_.data.connections = 64;
  config_.data.max_image_size = 10'000;
  const uint64_t batch = 8 * 768;
  for (const uint64_t memory : {20'000u, 100'000u, 400'000u}) {
    config_.data.memory = memory;
    FakeWeb web([](const std::string& address, int) { return found(address); });
    web.pause = std::chrono::microseconds(100);
    Stream stream(config_, plan(), web.source());
    for (int i = 0; i < 20; ++i) {
      if (i == 10) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      stream.next();
    }
    EXPECT_LE(stream.report().peak_memory, memory + config_.data.max_image_size + batch);
    EXPECT_LE(web.most_outstanding(), memory / config_.data.max_image_size + 1);
    EXPECT_GT(stream.report().peak_memory, memory / 4);
  }
}

TEST_F(StreamTest, WhatIsDecodedIsInsideTheBudgetToo) {
  constexpr uint64_t kPicture = 3 * 600 * 600;  // of a PNG without alpha
  std::vector<std::vector<std::byte>> files;
  for (int shade = 0; shade < 5; ++shade)
    files.push_back(encode_png(Image(600, 600, static_cast<uint8_t>(40 * shade))));
  FakeWeb web([&](const std::string& address, int) { return files[row_of(address) % files.size()]; });
  config_.data.connections = 32;
  config_.data.max_image_size = 20'000;
  config_.data.threads = 1;
  const auto expected = read(web, 8);
  config_.data.threads = 6;
  const uint64_t others = 64 * config_.data.max_image_size + 19 * 8 * (768 + files[0].size());  // at their most
  for (const uint64_t memory : {uint64_t{1}, 5 * kPicture / 2, 100 * kPicture}) {
    config_.data.memory = memory;
    Stream stream(config_, plan(), web.source());
    std::vector<Sample> samples;
    for (int i = 0; i < 8; ++i) append(samples, stream.next());
    EXPECT_EQ(samples, expected) << memory;
    const StreamReport report = stream.report();
    const uint64_t fit = std::clamp<uint64_t>(memory / kPicture, 1, 6);
    EXPECT_GE(report.peak_memory, std::min<uint64_t>(fit, 2) * kPicture) << "at once, where two fit";
    EXPECT_LE(report.peak_memory, std::min(memory + kPicture + 2 * 20'000 + 8 * 768, 6 * kPicture + others));
    EXPECT_TRUE(fit == 1 || (report.decode.blocked > 0) == (fit == 2)) << "while some wait for room";
  }
}

TEST_F(StreamTest, PatienceEndsTheWaitAndLosesNothing) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto expected = read(web, 1);
  web.pause = std::chrono::milliseconds(20);
  Stream stream(config_, plan(), web.source());
  EXPECT_EQ(stream.next({}, std::chrono::milliseconds(1)).size, 0);
  EXPECT_EQ(stream.state().position, 0u);
  std::vector<Sample> samples;
  append(samples, stream.next());
  EXPECT_EQ(samples, expected);
}

TEST_F(StreamTest, AStopEndsTheWaitAndTheStreamGoesAtOnce) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  web.silent = true;
  const auto begin = SteadyClock::now();
  {
    Stream stream(config_, plan(), web.source());
    std::stop_source stop;
    const std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      stop.request_stop();
    });
    EXPECT_EQ(stream.next(stop.get_token()).size, 0);
  }
  EXPECT_LT(SteadyClock::now() - begin, std::chrono::milliseconds(800));
}

TEST_F(StreamTest, GoesAtOnceInAnyState) {
  for (const int delivered : {0, 1, 3}) {
    FakeWeb web(flawed);
    auto stream = std::make_unique<Stream>(config_, plan(), web.source());
    for (int i = 0; i < delivered; ++i) stream->next();
    const auto begin = SteadyClock::now();
    stream.reset();
    EXPECT_LT(SteadyClock::now() - begin, std::chrono::milliseconds(500));
  }
}

TEST_F(StreamTest, BatchesOutliveTheStreamAndTheirMemoryIsReused) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  std::set<const uint8_t*> buffers;
  Batch kept;
  {
    Stream stream(config_, plan(), web.source());
    for (int i = 0; i < 100; ++i) {
      kept = stream.next();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(kept.images) % 64, 0u);
      buffers.insert(kept.images);
    }
  }
  EXPECT_LT(buffers.size(), 20u);
  EXPECT_EQ(kept.positions.front(), 99 * 8);
  EXPECT_LE(std::accumulate(kept.images, kept.images + 8 * 768, uint64_t{0}), uint64_t{255} * 8 * 768);
}

TEST_F(StreamTest, AConsumerThatKeepsEveryBatchIsServedAllTheSame) {
  config_.data.memory = 300'000;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  Stream stream(config_, plan(), web.source());
  std::vector<Batch> kept;
  for (int i = 0; i < 80; ++i) kept.push_back(stream.next());
  EXPECT_EQ(kept.back().positions.front(), 79 * 8);
}

TEST_F(StreamTest, TheReportNamesTheStageThatOthersWaitFor) {
  FakeWeb slow([](const std::string& address, int) { return found(address); });
  slow.pause = std::chrono::milliseconds(2);
  Stream waiting(config_, plan(), slow.source());
  for (int i = 0; i < 10; ++i) waiting.next();
  EXPECT_EQ(waiting.report().limit.stage, "network");
  EXPECT_GT(waiting.report().waited, 0.05);
  EXPECT_GT(waiting.report().fetch.bytes, 80u * 100);

  FakeWeb fast([](const std::string& address, int) { return found(address); });
  Stream idle(config_, plan(), fast.source());
  for (int i = 0; i < 15 || (i < 200 && idle.report().limit.stage != "consumer"); ++i) {
    idle.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  EXPECT_EQ(idle.report().limit.stage, "consumer");
  EXPECT_GT(idle.report().fetch.blocked, 0.1);
}

TEST_F(StreamTest, TheReportCountsWhatEachStageDid) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  web.pause = std::chrono::milliseconds(3);
  Stream stream(config_, plan(), web.source());
  uint64_t pixels = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) pixels += static_cast<uint64_t>(stream.next().size) * 3 * 16 * 16;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const StreamReport report = stream.report();
  EXPECT_GE(report.decode.item.count(), 80u);
  EXPECT_GE(report.fetch.item.count(), report.decode.item.count());
  EXPECT_GE(report.fetch.item.quantile(0.5), 0.003);
  EXPECT_LT(report.fetch.item.max(), seconds + 1);
  EXPECT_GT(report.decode.item.quantile(0.5), 1e-6);
  EXPECT_LE(report.decode.bytes, report.fetch.bytes);
  EXPECT_NEAR(report.decode.busy, report.decode.item.sum() / 2, 1e-9) << "the mean of two threads";
  EXPECT_LE(report.decode.busy + report.decode.starved, seconds + 1);
  EXPECT_EQ(report.deliver.item.count(), 10u);
  EXPECT_EQ(report.deliver.bytes, pixels);
  EXPECT_EQ(report.decode_threads, 2);
  const double asked = report.fetch.waiting_total / (report.fetch.busy + report.fetch.starved + report.fetch.blocked);
  EXPECT_GT(asked, 5) << "of at most 16";
  EXPECT_LE(asked, 16);
  EXPECT_LE(report.fetch.waiting, 16u);
}

TEST_F(StreamTest, SamplesThatNobodyTakesWaitForDelivery) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  Stream stream(config_, plan(), web.source());
  stream.next();
  for (int i = 0; i < 500 && stream.report().deliver.waiting < 56; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(stream.report().deliver.waiting, 7u * 8) << "as many as the look-ahead allows: 3 batches and 4 x 8 samples";
  EXPECT_EQ(stream.report().fetch.waiting, 0u);
  EXPECT_GT(stream.report().deliver.waiting_total, 0);
}

TEST_F(StreamTest, ThePlanFollowsFromTheSettings) {
  config_.data.shuffle = Shuffle::kWindow;
  config_.data.seed = 99;
  config_.train.batch_size = 200;
  const StreamPlan whole = plan();
  EXPECT_EQ(whole.strata, (std::vector<Stratum>{{config_.data.list, RowSet::all(kRows)}}));
  EXPECT_EQ(whole.order.entries, kRows);
  EXPECT_EQ(whole.order.seed, 99u);
  EXPECT_EQ(whole.order.window, 2000u);
  EXPECT_TRUE(whole.augment);
  EXPECT_THROW(plan_stream(config_, manifest_, true), std::invalid_argument);
  config_.data.held_out = 0.3;
  const StreamPlan held_out = plan_stream(config_, manifest_, true);
  EXPECT_EQ(held_out.strata.at(0).rows, manifest_->split(0.3, true));
  EXPECT_EQ(held_out.order.entries + plan().order.entries, kRows);
  EXPECT_FALSE(held_out.augment);
}

TEST_F(StreamTest, HeldOutBatchesHoldOnlyHeldOutRowsAsTheyAre) {
  config_.data.held_out = 0.3;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const RowSet held_out = manifest_->split(0.3, true);
  std::set<int64_t> rows;
  for (uint64_t rank = 0; rank < held_out.size(); ++rank) rows.insert(static_cast<int64_t>(held_out.at(rank)));
  std::map<int64_t, std::string> pixels;
  for (const Sample& sample : read(web, 20, plan_stream(config_, manifest_, true))) {
    EXPECT_TRUE(rows.contains(sample.entry));
    EXPECT_EQ(pixels.emplace(sample.entry, sample.pixels).first->second, sample.pixels);
  }
}

}  // namespace
}  // namespace atelier::test
