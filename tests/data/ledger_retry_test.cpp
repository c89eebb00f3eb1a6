#include "data/ledger_retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "data/open_source.h"
#include "data/store.h"
#include "tests/data/stream_fixture.h"

namespace atelier::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

size_t at(Fault fault) { return static_cast<size_t>(fault); }

/// A ledger of rows 0 to 9 of the fixture's list, on a fake web.
class LedgerRetryTest : public StreamTest {
 protected:
  LedgerRetryTest() {
    config_.data.sample_deadline = 0.4;
    for (uint64_t row = 0; row < 10; ++row)
      ledger_.add({.entry = row,
                   .position = 100 + row,
                   .url = url(row),
                   .fault = row < 5 ? Fault::kNotAnImage : Fault::kTimeout,
                   .detail = "then",
                   .attempts = 3});
  }

  RetryReport retry(FakeWeb& web, bool with_list = true, const std::stop_token& stop = {}) const {
    return retry_ledger(config_, ledger_, web.source(), with_list ? manifest_.get() : nullptr, {}, stop);
  }

  Verdicts ledger_;
};

TEST_F(LedgerRetryTest, KnowsTheHealedFromThoseThatStillFail) {
  FakeWeb web([](const std::string& address, int time) -> FakeWeb::Body {
    const uint64_t row = row_of(address);
    if (row == 2) return not_found();
    if (row == 7) return std::vector<std::byte>(100, std::byte{'<'});
    if (row == 8 && time < 3) return busy();
    if (row == 9) return busy();
    return picture(row);
  });
  const RetryReport report = retry(web);
  EXPECT_EQ(report.entries, 10u);
  EXPECT_EQ(report.asked, 10u);
  EXPECT_EQ(report.healed, 7u);
  EXPECT_EQ(report.healed_from[at(Fault::kNotAnImage)], 4u);
  EXPECT_EQ(report.healed_from[at(Fault::kTimeout)], 3u);
  EXPECT_EQ(report.failing_with[at(Fault::kHttpStatus)], 2u);
  EXPECT_EQ(report.failing_with[at(Fault::kNotAnImage)], 1u);
  ASSERT_EQ(report.left.all().size(), 3u);
  const Verdict& gone = *report.left.find(2);
  EXPECT_EQ(
      to_json(gone),
      R"({"entry":2,"position":102,"url":"http://fake/2.png","fault":"http-status","detail":"HTTP 404","attempts":4})");
  EXPECT_EQ(web.asked(url(8)), 3);
  EXPECT_GT(web.asked(url(9)), 1) << "a passing failure is tried again";
  EXPECT_EQ(report.left.find(9)->attempts, 3 + web.asked(url(9)));
  EXPECT_EQ(web.asked(url(2)), 1);
  EXPECT_EQ(web.asked(url(11)), 0) << "nobody else is asked for";
  EXPECT_EQ(retry_text(report),
            "10 of 10 entries asked for again: 7 healed, 3 still failing\n"
            "healed from: timeout 3, not-an-image 4\n"
            "failing with: http-status 2, not-an-image 1\n");
  EXPECT_EQ(nlohmann::json::parse(retry_json(report))["healed_from"]["timeout"], 3);
}

TEST_F(LedgerRetryTest, AsksFirstForWhatMayHavePassed) {
  config_.data.memory = config_.data.max_image_size;  // one at a time
  std::mutex mutex;
  std::vector<uint64_t> order;
  FakeWeb web([&](const std::string& address, int) -> FakeWeb::Body {
    const std::lock_guard lock(mutex);
    order.push_back(row_of(address));
    return picture(row_of(address));
  });
  retry(web);
  EXPECT_THAT(order, ElementsAre(5, 6, 7, 8, 9, 0, 1, 2, 3, 4));
}

TEST_F(LedgerRetryTest, WithTheListChecksumsAndConditionImagesCount) {
  const std::string wrong(64, 'a'), right = sha256_hex(std::span<const std::byte>(picture(1)));
  use_list("{\"url\":\"" + url(0) + "\",\"sha256\":\"" + wrong + "\",\"condition_url\":\"" + url(20) + "\"}\n" +
           "{\"url\":\"" + url(1) + "\",\"sha256\":\"" + right + "\",\"condition_url\":\"" + url(21) + "\"}\n" +
           "{\"url\":\"" + url(2) + "\",\"condition_url\":\"" + url(22) + "\"}\n" + "{\"url\":\"" + url(3) + "\"}\n");
  for (uint64_t row = 4; row < 10; ++row) ledger_.remove(row);
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) == 22) return not_found();
    return picture(row_of(address));
  });
  EXPECT_EQ(retry(web, /*with_list=*/false).healed, 4u);
  EXPECT_EQ(retry(web).failing_with[at(Fault::kChecksum)], 1u);
  config_.data.condition = Condition::kFile;
  const RetryReport report = retry(web);
  EXPECT_EQ(report.healed, 1u);
  EXPECT_FALSE(report.left.has(1));
  EXPECT_EQ(report.left.find(2)->fault, Fault::kHttpStatus);
  EXPECT_EQ(report.left.find(3)->detail, "the row has no condition_url");
}

TEST_F(LedgerRetryTest, ALedgerOfAnotherListIsRefused) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  ledger_.add({.entry = 11, .position = 0, .url = "http://elsewhere/11.png", .detail = {}});
  EXPECT_THROW(retry(web), std::invalid_argument);
  ledger_.remove(11);
  ledger_.add({.entry = kRows, .position = 0, .url = url(kRows), .detail = {}});
  EXPECT_THROW(retry(web), std::invalid_argument);
  EXPECT_EQ(web.asked(url(0)), 0);
}

TEST_F(LedgerRetryTest, WhatHasHealedGoesToTheCache) {
  FakeWeb web([](const std::string& address, int) {
    return row_of(address) == 3 ? FakeWeb::Body(not_found()) : found(address);
  });
  for (uint64_t row = 0; row < 10; ++row) {
    ledger_.remove(row);
    const std::string path = (folder_ / (std::to_string(row) + ".png")).string();
    const auto bytes = picture(row);
    if (row != 3)
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    ledger_.add({.entry = row, .position = 0, .url = path, .detail = {}});
  }
  std::string list;
  for (uint64_t row = 0; row < 10; ++row) list += "{\"url\":\"" + std::to_string(row) + ".png\"}\n";
  use_list(list);
  config_.data.cache = (folder_ / "cache").string();
  const RetryReport report =
      retry_ledger(config_, ledger_, open_source(config_.data, manifest_), manifest_.get(), {}, {});
  EXPECT_EQ(report.healed, 9u);
  const Store store(folder_ / "cache");
  for (uint64_t row = 0; row < 10; ++row) EXPECT_EQ(store.has({.row = row}), row != 3) << row;
}

TEST_F(LedgerRetryTest, AStopLeavesTheRestAsItWas) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  web.silent = true;
  std::stop_source stop;
  stop.request_stop();
  const RetryReport report = retry(web, true, stop.get_token());
  EXPECT_EQ(report.asked, 0u);
  EXPECT_EQ(report.left.to_jsonl(), ledger_.to_jsonl());
}

}  // namespace
}  // namespace atelier::test
