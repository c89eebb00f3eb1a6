#include "data/verdicts.h"

#include <gtest/gtest.h>
#include <stdexcept>
#include <string>

namespace atelier {
namespace {

Verdict verdict(uint64_t entry, uint64_t position, std::string detail = "HTTP 404") {
  return {.entry = entry,
          .position = position,
          .url = "http://example.org/a.jpg",
          .fault = Fault::kHttpStatus,
          .detail = std::move(detail),
          .attempts = 2};
}

TEST(Verdicts, KeepsTheEarliestPositionOfAnEntry) {
  Verdicts ledger;
  ledger.add(verdict(4, 20, "second"));
  ledger.add(verdict(4, 10, "first"));
  ledger.add(verdict(4, 30, "third"));
  ASSERT_TRUE(ledger.has(4));
  EXPECT_EQ(ledger.find(4)->position, 10u);
  EXPECT_EQ(ledger.find(4)->detail, "first");
  EXPECT_FALSE(ledger.has(5));
  EXPECT_EQ(ledger.find(5), nullptr);
}

TEST(Verdicts, ALineNamesEveryFieldInAFixedOrder) {
  Verdicts ledger;
  ledger.add(verdict(4, 20));
  EXPECT_EQ(ledger.to_jsonl(),
            "{\"entry\":4,\"position\":20,\"url\":\"http://example.org/a.jpg\",\"fault\":\"http-status\","
            "\"detail\":\"HTTP 404\",\"attempts\":2}\n");
}

TEST(Verdicts, EqualLedgersAreEqualFilesWhateverTheOrderOfArrival) {
  Verdicts one, other;
  for (const uint64_t entry : {3, 1, 2}) one.add(verdict(entry, entry));
  for (const uint64_t entry : {2, 3}) other.add(verdict(entry, entry));
  Verdicts rest;
  rest.add(verdict(1, 1));
  rest.add(verdict(2, 50));
  other.merge(rest);
  EXPECT_EQ(one.to_jsonl(), other.to_jsonl());
}

TEST(Verdicts, TheLedgerSurvivesTheRoundTrip) {
  Verdicts ledger;
  for (int number = 0; number < kFaultCount; ++number) {
    Verdict line = verdict(static_cast<uint64_t>(number), 100, "quote \" backslash \\ newline \n");
    line.fault = static_cast<Fault>(number);
    ledger.add(line);
  }
  const std::string text = ledger.to_jsonl();
  EXPECT_EQ(Verdicts::from_jsonl(text).to_jsonl(), text);
  EXPECT_EQ(Verdicts::from_jsonl(text).find(3)->fault, static_cast<Fault>(3));
  EXPECT_EQ(Verdicts::from_jsonl(text).all().size(), static_cast<size_t>(kFaultCount));
}

TEST(Verdicts, BytesThatAreNotUtf8DoNotBreakALine) {
  Verdicts ledger;
  ledger.add(verdict(1, 1, "server said \xff\xfe"));
  EXPECT_TRUE(Verdicts::from_jsonl(ledger.to_jsonl()).has(1));
}

TEST(Verdicts, ABadLineIsNamedByItsNumber) {
  const std::string good = to_json(verdict(1, 1)) + "\n";
  for (const std::string bad : {"nonsense", "{\"entry\":1}", "[]", "{\"entry\":-1,\"fault\":\"alien\"}"}) {
    try {
      Verdicts::from_jsonl(good + "\n" + bad + "\n");
      FAIL() << bad << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("line 3"), std::string::npos) << error.what();
    }
  }
}

TEST(Verdicts, NothingIsAnEmptyLedger) {
  EXPECT_TRUE(Verdicts::from_jsonl("").all().empty());
  EXPECT_EQ(Verdicts().to_jsonl(), "");
}

}  // namespace
}  // namespace atelier
