#include "data/probe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "data/row_ranges.h"
#include "tests/data/stream_fixture.h"
#include "tests/support/loopback_server.h"

namespace atelier::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t at(Fault fault) { return static_cast<size_t>(fault); }

/// A list of 50 rows on a server: 5 gone, 4 busy, 3 too large, 2 web pages, 6 that refuse HEAD, 30 pictures.
class ProbeTest : public StreamTest {
 protected:
  ProbeTest() : server_(answer) {
    config_.data.allow_private = true;
    config_.data.sample_deadline = 0.3;
    std::string rows;
    for (int row = 0; row < 50; ++row) rows += "{\"url\":\"" + server_.url(fmt::format("/{}", row)) + "\"}\n";
    use_list(rows);
  }

  static void answer(const HttpRequest& request, HttpReply& reply) {
    const int row = std::stoi(request.path.substr(1));
    if (row < 5) {
      reply.send_answer(404, "");
    } else if (row < 9) {
      reply.send_answer(503, "");
    } else if (row < 12) {
      reply.send_head(200, {"Content-Length: 40000000"});
    } else if (row < 14) {
      reply.send_answer(200, std::string(3000, 'x'), {"Content-Type: text/html; charset=utf-8"});
    } else if (row < 20 && request.method == "HEAD") {
      reply.send_answer(501, "");
    } else {
      reply.send_answer(200, std::string(1000 * static_cast<size_t>(row), 'x'), {"Content-Type: image/png"});
    }
  }

  ProbeReport run(uint64_t sample) const {
    return probe(config_, plan(), sample, probing_source(config_.data), {}, {});
  }

  LoopbackServer server_;
};

TEST_F(ProbeTest, AsksForAllAndFetchesNothing) {
  const ProbeReport report = run(0);
  EXPECT_EQ(report.rows, 50u);
  EXPECT_EQ(report.asked, 50u);
  EXPECT_EQ(report.alive, 38u);
  EXPECT_EQ(report.failures[at(Fault::kHttpStatus)], 9u);
  EXPECT_EQ(report.failures[at(Fault::kTooLargeByHead)], 3u);
  EXPECT_EQ(report.by_get, 6u);
  EXPECT_EQ(report.types, (std::map<std::string, uint64_t>{{"text/html", 2}}));
  uint64_t bytes = 2 * 3000;
  for (uint64_t row = 14; row < 50; ++row) bytes += 1000 * row;
  EXPECT_EQ(report.bytes, bytes);
  EXPECT_EQ(report.sizes[0], 2u);
  EXPECT_EQ(report.sizes[1], 3u) << "rows 14 to 16: 16,384 bytes are the first of the next";
  EXPECT_EQ(report.sizes[2], 33u);
  EXPECT_EQ(report.sizes[7], 3u) << "too large ones have a size, too";
  EXPECT_EQ(report.hosts.size(), 1u);
  EXPECT_EQ(server_.count("GET"), 6);
  EXPECT_GT(server_.count("HEAD", "/5"), 1) << "what may pass is asked again";
}

TEST_F(ProbeTest, ASampleIsWhatTheSeedsShuffleVisitsFirst) {
  const ProbeReport report = run(12);
  EXPECT_EQ(report.asked, 12u);
  std::set<std::string> expected, asked;
  for (uint64_t position = 0; position < 12; ++position)
    expected.insert(fmt::format("/{}", plan().rows.at(slot_at(plan().order, position))));
  for (const HttpRequest& request : server_.requests()) asked.insert(request.path);
  EXPECT_EQ(asked, expected);
  EXPECT_EQ(run(1000).asked, 50u);
}

TEST_F(ProbeTest, TheWordsAreTheNumbers) {
  ProbeReport report = run(0);
  const std::string text = probe_text(report);
  EXPECT_THAT(text, HasSubstr("50 of 50 rows asked for\n"));
  EXPECT_THAT(text, HasSubstr("alive       76.0 %\n"));
  EXPECT_THAT(text, HasSubstr("dead        18.0 %: http-status 9\n"));
  EXPECT_THAT(text, HasSubstr("too large    6.0 %: over 100 kB (data.max_image_size)\n"));
  EXPECT_THAT(text, HasSubstr("text/html 2\n"));
  EXPECT_THAT(text, HasSubstr("sizes      all alive rows together: 1.14 MB\n"));
  EXPECT_THAT(text, HasSubstr("  to 64 KiB             33  ########################################\n"));
  EXPECT_THAT(text, HasSubstr("50 asked        12 failed: http-status 9, too-large-by-head 3"));
  EXPECT_THAT(text, Not(HasSubstr("% of all rows")));
  const auto json = nlohmann::json::parse(probe_json(report));
  EXPECT_EQ(json["alive"], 38);
  EXPECT_EQ(json["alive_share"]["low"], 0.76);
  EXPECT_EQ(json["worst_hosts"][0]["failures"]["http-status"], 9);
  EXPECT_EQ(json["bytes"]["estimate"], 1'140'000);

  report.rows = 5000;  // as if it had been a sample
  EXPECT_THAT(probe_text(report), HasSubstr("alive       76.0 % (62.6 to 85.7 % of all rows)"));
  EXPECT_THAT(probe_text(report), HasSubstr("all alive rows together: 114 MB (91.1 MB to 137 MB)"));
  const auto volume = nlohmann::json::parse(probe_json(report))["bytes"];
  EXPECT_NEAR(volume["low"], 91'115'793, 1000);  // mean and deviation by Python's statistics
  EXPECT_NEAR(volume["high"], 136'884'207, 1000);
}

TEST_F(ProbeTest, AStopEndsItWithWhatItKnows) {
  std::stop_source stop;
  const ProbeReport report = probe(
      config_, plan(), 0, probing_source(config_.data),
      [&](const ProbeReport& now) {
        if (now.asked == 3) stop.request_stop();
      },
      stop.get_token());
  EXPECT_EQ(report.asked, 3u);
  EXPECT_THAT(probe_text(report), HasSubstr("3 of 50 rows asked for; stopped before 50\n"));
}

TEST_F(ProbeTest, ADeadHostCostsNoMoreThanItsDeadline) {
  std::string rows;
  for (int row = 0; row < 200; ++row) rows += "{\"url\":\"http://127.0.0.1:1/" + std::to_string(row) + "\"}\n";
  use_list(rows);
  const auto begin = std::chrono::steady_clock::now();
  const ProbeReport report = run(0);
  EXPECT_EQ(report.failures[at(Fault::kConnect)], 200u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(report.hosts.at("127.0.0.1:1").alive, 0u);
}

TEST_F(ProbeTest, RepeatsAreFoundAcrossTheList) {
  const std::string a(64, 'a'), b(64, 'b');
  std::string rows;
  for (uint64_t row = 0; row < 70'000; ++row) {
    const std::string sha = row == 7 || row == 69'000 ? a : row == 9 ? b : "";
    const uint64_t address = row == 68'000 || row == 69'999 ? 5 : row == 66'000 ? 3 : row;
    rows += "{\"url\":\"http://h/" + std::to_string(address) + "\",\"sha256\":\"" + sha + "\"}\n";
  }
  use_list(rows);
  ProbeReport report;
  report.rows = manifest_->size();
  find_repeats(*manifest_, report, {});
  EXPECT_EQ(report.compared, 70'000u);
  EXPECT_EQ(report.same_url.rows, 3u);
  EXPECT_EQ(report.same_url.row, 66'000u);
  EXPECT_EQ(report.same_url.first, 3u);
  EXPECT_EQ(report.same_sha256.rows, 1u);
  EXPECT_EQ(report.same_sha256.row, 69'000u);
  EXPECT_EQ(report.same_sha256.first, 7u);
  EXPECT_THAT(probe_text(report), HasSubstr("3 with the url of another (row 66000 has that of 3), "
                                            "1 with the sha256 of another (row 69000 has that of 7)"));
}

TEST(Probe, IntervalsAreWilsonsAtNinetyFivePercent) {
  ProbeReport report;
  report.rows = 1'000'000;
  const auto expect = [&](uint64_t count, uint64_t asked, double low, double high) {
    report.asked = asked;
    const ShareInterval interval = interval_of(count, report);
    EXPECT_NEAR(interval.low, low, 1e-6);
    EXPECT_NEAR(interval.high, high, 1e-6);
  };
  // Roots of (p - p0)^2 = z^2 p (1 - p) / n, found by bisection in Python.
  expect(90, 100, 0.8256343384950865, 0.944770862939325);
  expect(0, 20, 0, 0.1611251580528194);
  expect(7, 8, 0.5291118177871464, 0.9775825085499434);
}

TEST(Probe, LatenciesHaveQuantilesWhateverTheOrder) {
  Latencies up, down;
  for (int i = 1; i <= 1000; ++i) up.add(i / 1000.0);
  for (int i = 1000; i >= 1; --i) down.add(i / 1000.0);
  EXPECT_NEAR(up.quantile(0.5), 0.5, 0.06);
  EXPECT_NEAR(up.quantile(0.95), 0.95, 0.12);
  EXPECT_NEAR(up.quantile(1), 1, 0.001);
  EXPECT_EQ(up.quantile(0.95), down.quantile(0.95));
  EXPECT_EQ(Latencies().quantile(0.5), 0);
}

TEST(RowRanges, EveryRowComesOnceAndTheFirstErrorIsTold) {
  std::mutex mutex;
  std::set<uint64_t> begins;
  uint64_t rows = 0;
  for_each_range(5 * kRangeRows + 3, [&](uint64_t begin, uint64_t end) {
    const std::lock_guard lock(mutex);
    begins.insert(begin);
    rows += end - begin;
  });
  EXPECT_EQ(rows, 5 * kRangeRows + 3);
  EXPECT_EQ(begins.size(), 6u);
  EXPECT_EQ(*begins.rbegin(), 5 * kRangeRows);
  EXPECT_THROW(for_each_range(1000, [](uint64_t, uint64_t) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_NO_THROW(for_each_range(0, [](uint64_t, uint64_t) { throw std::runtime_error("no"); }));
}

}  // namespace
}  // namespace atelier::test
