#include "data/stream.h"

#include <algorithm>
#include <atomic>
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

/// A web on which some rows are gone, one is no image, and some fail once.
FakeWeb::Body flawed(const std::string& address, int time) {
  const uint64_t row = std::stoull(address.substr(12));
  if (row % 7 == 3) return Failure{.fault = Fault::kHttpStatus, .detail = "HTTP 404"};
  if (row == 5) return std::vector<std::byte>(100, std::byte{'<'});
  if (row % 11 == 0 && time == 1) return Failure{.fault = Fault::kTimeout, .detail = "slow", .transient = true};
  Image image(24, 20);
  for (size_t i = 0; i < image.rgb.size() / 2; ++i) image.rgb[i] = static_cast<uint8_t>(row * 7 + i % 3 * 40);
  return encode_png(image);
}

Verdict gone(uint64_t entry, uint64_t position) {
  return {.entry = entry, .position = position, .url = "", .fault = Fault::kHttpStatus, .detail = "", .attempts = 1};
}

TEST_F(StreamTest, DeliversTheEntriesThatTheOrderNamesDevelopedForTheirPositions) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto samples = read(web, 16);
  const Recipe recipe = recipe_of(config_, true);
  ASSERT_EQ(samples.size(), 128u);
  std::vector<uint8_t> pixels(3 * 16 * 16);
  for (uint64_t position = 0; position < samples.size(); ++position) {
    const uint64_t row = slot_at(plan().order, position);
    const auto bytes = picture(row);
    ASSERT_FALSE(develop(recipe, position, {.image = bytes, .condition = {}, .sha256 = {}}, {pixels, {}}));
    const Sample expected{static_cast<int64_t>(position),
                          static_cast<int64_t>(row),
                          static_cast<int64_t>(row % 2),
                          "c" + std::to_string(row),
                          sha256_hex(std::as_bytes(std::span(pixels))),
                          sha256_hex({})};
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

TEST_F(StreamTest, RanksTogetherDeliverWhatOneWouldAlone) {
  FakeWeb web(flawed);
  const auto expected = read(web, 12);
  std::map<int64_t, Sample> together;
  for (uint64_t rank = 0; rank < 3; ++rank) {
    StreamPlan share = plan();
    share.rank = rank;
    share.world = 3;
    for (const Sample& sample : read(web, 12, share)) together.emplace(sample.position, sample);
  }
  ASSERT_EQ(together.size(), expected.size());
  for (const Sample& sample : expected) EXPECT_EQ(together.at(sample.position), sample);
}

TEST_F(StreamTest, MoreRanksThanSamplesAreRefused) {
  FakeWeb web(flawed);
  StreamPlan thin = plan();
  thin.world = 9;
  EXPECT_THROW(Stream(config_, thin, web.source()), std::invalid_argument);
}

TEST_F(StreamTest, TheLedgerDoesNotDependOnTheOrderOfArrivalOrOnHowFarTheStreamReadAhead) {
  std::set<std::string> ledgers;
  for (const uint32_t scramble : {1, 2, 3}) {
    FakeWeb web(flawed);
    web.scramble = scramble;
    config_.data.connections = scramble == 3 ? 1 : 32;
    Stream stream(config_, plan(), web.source());
    for (int i = 0; i < 4; ++i) stream.next();
    const StreamState state = stream.state();
    for (const auto& [entry, verdict] : state.verdicts.all()) EXPECT_LT(verdict.position, state.position);
    EXPECT_FALSE(state.verdicts.all().empty());
    ledgers.insert(state.verdicts.to_jsonl());
  }
  EXPECT_EQ(ledgers.size(), 1u) << *ledgers.begin() << *ledgers.rbegin();
}

TEST_F(StreamTest, APermanentFailureIsAVerdictAtOnceAndATransientOneHeals) {
  FakeWeb web(flawed);
  Stream stream(config_, plan(), web.source());
  std::vector<Sample> samples;
  for (int i = 0; i < 9; ++i) append(samples, stream.next());
  const Verdicts ledger = stream.state().verdicts;
  ASSERT_TRUE(ledger.has(3) && ledger.has(5));
  EXPECT_EQ(ledger.find(3)->fault, Fault::kHttpStatus);
  EXPECT_EQ(ledger.find(3)->url, url(3));
  EXPECT_EQ(ledger.find(3)->detail, "HTTP 404");
  EXPECT_EQ(ledger.find(3)->attempts, 1);
  EXPECT_EQ(ledger.find(5)->fault, Fault::kNotAnImage);
  EXPECT_FALSE(ledger.has(11));
  EXPECT_TRUE(std::any_of(samples.begin(), samples.end(), [](const Sample& sample) { return sample.entry == 11; }));
  const StreamReport report = stream.report();
  EXPECT_GE(report.retries, 5u);
  EXPECT_GE(report.failures[static_cast<size_t>(Fault::kHttpStatus)], 8u);
  EXPECT_GE(report.substituted, 8u);
  EXPECT_EQ(report.delivered, 72u);
}

TEST_F(StreamTest, NobodyElseMovesWhenAnEntryFails) {
  FakeWeb good([](const std::string& address, int) { return found(address); });
  FakeWeb bad([](const std::string& address, int) { return row_of(address) == 9 ? not_found() : found(address); });
  const auto expected = read(good, 15), samples = read(bad, 15);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (expected[i].entry == 9) {
      EXPECT_NE(samples[i].entry, 9);
    } else {
      EXPECT_EQ(samples[i], expected[i]);
    }
  }
}

TEST_F(StreamTest, ATransientFailureBecomesAVerdictAfterTheDeadline) {
  config_.data.sample_deadline = 0.4;
  FakeWeb web([](const std::string& address, int) { return row_of(address) == 9 ? busy() : found(address); });
  Stream stream(config_, plan(), web.source());
  for (int i = 0; i < 8; ++i) stream.next();
  const Verdicts ledger = stream.state().verdicts;
  ASSERT_TRUE(ledger.has(9));
  EXPECT_EQ(ledger.find(9)->detail, "HTTP 503");
  EXPECT_GE(web.asked(url(9)), ledger.find(9)->attempts);
  EXPECT_EQ(ledger.all().size(), 1u);
}

TEST_F(StreamTest, WaitsAsLongAsTheServerAsks) {
  use_rows(1000);
  const uint64_t first = slot_at(plan().order, 0);
  FakeWeb web([&](const std::string& address, int time) -> FakeWeb::Body {
    Failure patience = busy();
    patience.retry_after = 0.8;
    if (row_of(address) == first && time == 1) return patience;
    return found(address);
  });
  read(web, 1);
  const auto times = web.times(url(first));
  ASSERT_EQ(times.size(), 2u);
  EXPECT_GE(times[1] - times[0], std::chrono::milliseconds(795));
}

TEST_F(StreamTest, AServerThatAsksForMorePatienceThanTheDeadlineGetsAVerdictAtOnce) {
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    Failure patience = busy();
    patience.retry_after = 86'400;
    if (row_of(address) == 9) return patience;
    return found(address);
  });
  Stream stream(config_, plan(), web.source());
  for (int i = 0; i < 8; ++i) stream.next();
  EXPECT_TRUE(stream.state().verdicts.has(9));
}

TEST_F(StreamTest, AnEntryWithAVerdictIsNotAskedForAgain) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  StreamPlan judged = plan();
  judged.start.verdicts.add(gone(9, 0));
  for (const Sample& sample : read(web, 16, judged)) EXPECT_NE(sample.entry, 9);
  EXPECT_EQ(web.asked(url(9)), 0);
}

TEST_F(StreamTest, AVerdictCountsFromItsPositionOnSoThatAReplayIsTheRunItself) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto expected = read(web, 16);
  StreamPlan judged = plan();
  judged.start.verdicts.add(gone(9, kRows));
  for (const Sample& sample : read(web, 16, judged)) {
    if (sample.position < static_cast<int64_t>(kRows)) {
      EXPECT_EQ(sample, expected[static_cast<size_t>(sample.position)]);
    } else {
      EXPECT_NE(sample.entry, 9);
    }
  }
}

// Entry 0 stands at positions 0, 4, 8, ... Only who asks first gets it, and that may be any of them. The earliest to
// miss it finds the verdict, and that holds for all behind, even for the one that had the image already.
TEST_F(StreamTest, AVerdictFoundLateStillHoldsForThePositionsBehindIt) {
  use_rows(4);
  config_.data.shuffle = Shuffle::kNone;
  config_.data.sample_deadline = 0.1;
  std::set<uint64_t> found_at;
  for (uint32_t scramble = 0; scramble < 8; ++scramble) {
    std::atomic<bool> handed_out = false;
    FakeWeb web([&](const std::string& address, int) -> FakeWeb::Body {
      if (row_of(address) == 0 && handed_out.exchange(true)) return busy();
      return found(address);
    });
    web.scramble = scramble;
    Stream stream(config_, plan(), web.source());
    std::vector<Sample> samples;
    for (int i = 0; i < 3; ++i) append(samples, stream.next());
    ASSERT_TRUE(stream.state().verdicts.has(0));
    const uint64_t position = stream.state().verdicts.find(0)->position;
    found_at.insert(position);
    for (const Sample& sample : samples) {
      EXPECT_TRUE(static_cast<uint64_t>(sample.position) < position || sample.entry != 0) << sample.position;
    }
  }
  EXPECT_TRUE(found_at.contains(0)) << "somebody else must have had the image first";
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

TEST_F(StreamTest, BytesThatAreNotThoseOfTheListAreAVerdict) {
  const auto good = picture(0);
  use_list("{\"url\":\"" + url(0) + "\",\"sha256\":\"" + sha256_hex(good) + "\"}\n{\"url\":\"" + url(1) +
           "\",\"sha256\":\"" + sha256_hex(good) + "\"}\n");
  FakeWeb web([](const std::string& address, int) { return found(address); });
  Stream stream(config_, plan(), web.source());
  const Batch batch = stream.next();
  EXPECT_EQ(batch.entries, std::vector<int64_t>(8, 0));
  ASSERT_TRUE(stream.state().verdicts.has(1));
  EXPECT_EQ(stream.state().verdicts.find(1)->fault, Fault::kChecksum);
}

TEST_F(StreamTest, TooManyFailuresEndTheRunAtTheSamePositionAlways) {
  std::set<size_t> delivered;
  for (const uint32_t scramble : {1, 2, 3}) {
    FakeWeb web([](const std::string& address, int) { return row_of(address) % 5 < 3 ? not_found() : found(address); });
    web.scramble = scramble;
    config_.data.threads = static_cast<int>(scramble);
    const auto [sentence, samples] = read_to_the_end(web);
    EXPECT_THAT(sentence, HasSubstr("data.max_failure_rate"));
    EXPECT_THAT(sentence, HasSubstr("HTTP 404"));
    delivered.insert(samples);
  }
  ASSERT_EQ(delivered.size(), 1u);
  EXPECT_EQ(*delivered.begin(), 96u);  // the whole batches before position 99, the first to be judged
}

TEST_F(StreamTest, AFailureRateThatIsAllowedDoesNotEndTheRun) {
  config_.data.max_failure_rate = 0.7;
  FakeWeb web([](const std::string& address, int) { return row_of(address) % 5 < 3 ? not_found() : found(address); });
  EXPECT_EQ(read(web, 40).size(), 320u);
}

TEST_F(StreamTest, AServerThatIsAlwaysBusyEndsTheRunSoonAfterTheDeadline) {
  config_.data.sample_deadline = 0.3;
  config_.data.connections = 32;
  FakeWeb web([](const std::string&, int) { return busy(); });
  const auto begin = Clock::now();
  EXPECT_THAT(read_to_the_end(web).first, HasSubstr("HTTP 503"));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(StreamTest, AListWithoutASingleImageEndsTheRunWithOneSentence) {
  use_rows(5);
  FakeWeb web([](const std::string&, int) { return not_found(); });
  EXPECT_THAT(read_to_the_end(web), ::testing::Pair(HasSubstr("every entry of"), 0u));
}

TEST_F(StreamTest, AnOutageGivesNoVerdictsAndEndsTheRun) {
  config_.data.sample_deadline = 0.1;
  config_.data.outage_limit = 0.6;
  FakeWeb web([](const std::string&, int) { return no_name(); });
  Stream stream(config_, plan(), web.source());
  try {
    stream.next();
    FAIL() << "a batch came out of nothing";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no host could be reached for 0.6 s"));
    EXPECT_THAT(error.what(), HasSubstr("no such host"));
  }
  EXPECT_TRUE(stream.state().verdicts.all().empty());
  EXPECT_THROW(stream.next(), std::runtime_error);
}

TEST_F(StreamTest, AnOutageThatPassesLeavesNoTrace) {
  config_.data.sample_deadline = 0.1;
  config_.data.outage_limit = 30;
  FakeWeb good([](const std::string& address, int) { return found(address); });
  const auto expected = read(good, 4);
  const auto begin = Clock::now();
  FakeWeb web([&](const std::string& address, int) -> FakeWeb::Body {
    if (Clock::now() - begin < std::chrono::milliseconds(600)) return no_name();
    return found(address);
  });
  Stream stream(config_, plan(), web.source());
  std::vector<Sample> samples;
  for (int i = 0; i < 4; ++i) append(samples, stream.next());
  EXPECT_EQ(samples, expected);
  EXPECT_TRUE(stream.state().verdicts.all().empty());
}

TEST_F(StreamTest, OneDeadHostAmongLivingOnesIsAVerdict) {
  config_.data.sample_deadline = 0.2;
  for (const uint64_t memory : {uint64_t{1}, uint64_t{1} << 29}) {
    config_.data.memory = memory;
    const uint64_t first = slot_at(plan().order, 0);  // so that nobody has answered when it fails
    FakeWeb web([&](const std::string& address, int) { return row_of(address) == first ? no_name() : found(address); });
    Stream stream(config_, plan(), web.source());
    stream.next();
    EXPECT_TRUE(stream.state().verdicts.has(first)) << memory;
  }
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

TEST_F(StreamTest, AStopEndsTheWaitAndTheStreamGoesAtOnce) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  web.silent = true;
  const auto begin = Clock::now();
  {
    Stream stream(config_, plan(), web.source());
    std::stop_source stop;
    const std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      stop.request_stop();
    });
    EXPECT_EQ(stream.next(stop.get_token()).size, 0);
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(800));
}

TEST_F(StreamTest, GoesAtOnceInAnyState) {
  for (const int delivered : {0, 1, 3}) {
    FakeWeb web(flawed);
    auto stream = std::make_unique<Stream>(config_, plan(), web.source());
    for (int i = 0; i < delivered; ++i) stream->next();
    const auto begin = Clock::now();
    stream.reset();
    EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(500));
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
  EXPECT_EQ(waiting.report().limit, "network");
  EXPECT_GT(waiting.report().waited, 0.05);
  EXPECT_GT(waiting.report().bytes, 80u * 100);

  FakeWeb fast([](const std::string& address, int) { return found(address); });
  Stream idle(config_, plan(), fast.source());
  for (int i = 0; i < 15 || (i < 200 && idle.report().limit != "consumer"); ++i) {
    idle.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  EXPECT_EQ(idle.report().limit, "consumer");
  EXPECT_GT(idle.report().fetch.blocked, 0.1);
}

TEST_F(StreamTest, ThePlanFollowsFromTheSettings) {
  config_.data.shuffle = Shuffle::kWindow;
  config_.data.seed = 99;
  config_.train.batch_size = 200;
  const StreamPlan whole = plan();
  EXPECT_TRUE(whole.entries.empty());
  EXPECT_EQ(whole.order.entries, kRows);
  EXPECT_EQ(whole.order.seed, 99u);
  EXPECT_EQ(whole.order.window, 2000u);
  EXPECT_TRUE(whole.augment);
  EXPECT_THROW(plan_stream(config_, manifest_, true), std::invalid_argument);
  config_.data.held_out = 0.3;
  const StreamPlan held_out = plan_stream(config_, manifest_, true);
  EXPECT_EQ(held_out.entries, manifest_->split(0.3, true));
  EXPECT_EQ(held_out.order.entries + plan().order.entries, kRows);
  EXPECT_FALSE(held_out.augment);
}

TEST_F(StreamTest, HeldOutBatchesHoldOnlyHeldOutRowsAsTheyAre) {
  config_.data.held_out = 0.3;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto rows = manifest_->split(0.3, true);
  std::map<int64_t, std::string> pixels;
  for (const Sample& sample : read(web, 20, plan_stream(config_, manifest_, true))) {
    EXPECT_TRUE(std::binary_search(rows.begin(), rows.end(), static_cast<uint64_t>(sample.entry)));
    EXPECT_EQ(pixels.emplace(sample.entry, sample.pixels).first->second, sample.pixels);
  }
}

}  // namespace
}  // namespace atelier::test
