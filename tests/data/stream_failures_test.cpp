#include <atomic>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>
#include <string>

#include "data/retry.h"
#include "data/stream.h"
#include "tests/data/stream_fixture.h"

namespace atelier::test {
namespace {

using ::testing::HasSubstr;
using StreamFailures = StreamTest;

Verdict gone(uint64_t entry, uint64_t position) {
  return {.entry = entry, .position = position, .url = "", .fault = Fault::kHttpStatus, .detail = "", .attempts = 1};
}

TEST_F(StreamFailures, TheLedgerDoesNotDependOnTheOrderOfArrivalOrOnHowFarTheStreamReadAhead) {
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

TEST_F(StreamFailures, APermanentFailureIsAVerdictAtOnceAndATransientOneHeals) {
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

TEST_F(StreamFailures, NobodyElseMovesWhenAnEntryFails) {
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

TEST_F(StreamFailures, ATransientFailureBecomesAVerdictAfterTheDeadline) {
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

TEST_F(StreamFailures, WaitsAsLongAsTheServerAsks) {
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

TEST_F(StreamFailures, AServerThatAsksForMorePatienceThanTheDeadlineGetsAVerdictAtOnce) {
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

TEST_F(StreamFailures, ALedgerAndASentenceNameNoPassword) {
  use_list("{\"url\":\"http://bob:hunter2@fake/1.png\"}\n");
  FakeWeb web([](const std::string&, int) { return not_found(); });
  const auto [sentence, samples] = read_to_the_end(web);
  EXPECT_THAT(sentence, HasSubstr("http://***@fake/1.png"));
  EXPECT_THAT(sentence, ::testing::Not(HasSubstr("hunter2")));
}

TEST_F(StreamFailures, AnEntryWithAVerdictIsNotAskedForAgain) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  StreamPlan judged = plan();
  judged.start.verdicts.add(gone(9, 0));
  for (const Sample& sample : read(web, 16, judged)) EXPECT_NE(sample.entry, 9);
  EXPECT_EQ(web.asked(url(9)), 0);
}

TEST_F(StreamFailures, AVerdictCountsFromItsPositionOnSoThatAReplayIsTheRunItself) {
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
TEST_F(StreamFailures, AVerdictFoundLateStillHoldsForThePositionsBehindIt) {
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

TEST_F(StreamFailures, BytesThatAreNotThoseOfTheListAreAVerdict) {
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

TEST_F(StreamFailures, TooManyFailuresEndTheRunAtTheSamePositionAlways) {
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

TEST_F(StreamFailures, AFailureRateThatIsAllowedDoesNotEndTheRun) {
  config_.data.max_failure_rate = 0.7;
  FakeWeb web([](const std::string& address, int) { return row_of(address) % 5 < 3 ? not_found() : found(address); });
  EXPECT_EQ(read(web, 40).size(), 320u);
}

TEST_F(StreamFailures, AServerThatIsAlwaysBusyEndsTheRunSoonAfterTheDeadline) {
  config_.data.sample_deadline = 0.3;
  config_.data.connections = 32;
  FakeWeb web([](const std::string&, int) { return busy(); });
  const auto begin = SteadyClock::now();
  EXPECT_THAT(read_to_the_end(web).first, HasSubstr("HTTP 503"));
  EXPECT_LT(SteadyClock::now() - begin, std::chrono::seconds(15));
}

TEST_F(StreamFailures, AListWithoutASingleImageEndsTheRunWithOneSentence) {
  use_rows(5);
  FakeWeb web([](const std::string&, int) { return not_found(); });
  EXPECT_THAT(read_to_the_end(web), ::testing::Pair(HasSubstr("every entry of"), 0u));
}

TEST_F(StreamFailures, ASourceThatEndsEndsTheRunWithItsSentence) {
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) != 5) return found(address);
    return std::make_exception_ptr(std::runtime_error("no memory for another transfer"));
  });
  EXPECT_EQ(read_to_the_end(web).first, "no memory for another transfer");
}

TEST_F(StreamFailures, AListWithoutConditionFilesEndsAtOnce) {
  use_rows(20);
  config_.data.condition = Condition::kFile;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto begin = SteadyClock::now();
  EXPECT_THAT(read_to_the_end(web), ::testing::Pair(HasSubstr("the row has no condition_url"), 0u));
  EXPECT_LT(SteadyClock::now() - begin, std::chrono::seconds(10));
}

TEST_F(StreamFailures, OfAPairThatFailsTwiceTheImagesFaultIsToldWhicheverComesFirst) {
  std::string list;
  for (uint64_t row = 0; row < 20; ++row)
    list += "{\"url\":\"" + url(row) + "\",\"condition_url\":\"" + url(100 + row) + "\"}\n";
  use_list(list);
  config_.data.condition = Condition::kFile;
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) == 9) return not_found();
    if (row_of(address) == 109) return Failure{.fault = Fault::kRedirects, .detail = "in circles"};
    return found(address);
  });
  for (web.scramble = 1; web.scramble <= 10; ++web.scramble) {
    Stream stream(config_, plan(), web.source());
    for (int i = 0; i < 3; ++i) stream.next();
    const Verdicts ledger = stream.state().verdicts;
    ASSERT_TRUE(ledger.has(9));
    EXPECT_EQ(ledger.find(9)->fault, Fault::kHttpStatus) << web.scramble;
  }
}

TEST_F(StreamFailures, AnOutageGivesNoVerdictsAndEndsTheRun) {
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

TEST_F(StreamFailures, AnOutageThatPassesLeavesNoTrace) {
  config_.data.sample_deadline = 0.1;
  config_.data.outage_limit = 30;
  FakeWeb good([](const std::string& address, int) { return found(address); });
  const auto expected = read(good, 4);
  const auto begin = SteadyClock::now();
  FakeWeb web([&](const std::string& address, int) -> FakeWeb::Body {
    if (SteadyClock::now() - begin < std::chrono::milliseconds(600)) return no_name();
    return found(address);
  });
  Stream stream(config_, plan(), web.source());
  std::vector<Sample> samples;
  for (int i = 0; i < 4; ++i) append(samples, stream.next());
  EXPECT_EQ(samples, expected);
  EXPECT_TRUE(stream.state().verdicts.all().empty());
}

TEST_F(StreamFailures, OneDeadHostAmongLivingOnesIsAVerdict) {
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

}  // namespace
}  // namespace atelier::test
