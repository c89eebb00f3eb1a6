#include "data/mix.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "data/open_source.h"
#include "data/rebase.h"
#include "data/shard.h"
#include "data/store.h"
#include "tests/data/stream_fixture.h"

namespace atelier::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Three lists: 40 sofas, 12 beds, and a store of 8 lamps.
class MixTest : public StreamTest {
 protected:
  MixTest() {
    write("sofas.jsonl", rows("sofa", 0, 40));
    write("beds.csv", "url,label\n" + csv("bed", 100, 112));
    write("lamps.jsonl", rows("lamp", 200, 208));
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  static std::string text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static std::string rows(const std::string& label, uint64_t begin, uint64_t end) {
    std::string text;
    for (uint64_t row = begin; row < end; ++row) text += "{\"url\":\"" + url(row) + "\",\"label\":\"" + label + "\"}\n";
    return text;
  }
  static std::string csv(const std::string& label, uint64_t begin, uint64_t end) {
    std::string text;
    for (uint64_t row = begin; row < end; ++row) text += url(row) + "," + label + "\n";
    return text;
  }
  void use_mix(const std::string& text) {
    write("all.mix", text);
    config_.data.list = (folder_ / "all.mix").string();
    manifest_ = open_list(config_.data, {});
  }
  std::string refusal(const std::string& text) {
    try {
      use_mix(text);
      plan();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  }
  std::map<std::string, int> labels_of(const std::vector<Sample>& samples) const {
    std::map<std::string, int> counts;
    for (const Sample& sample : samples) ++counts[manifest_->labels()[static_cast<size_t>(sample.label)]];
    return counts;
  }
};

TEST_F(MixTest, ReadsWeightsListsAndChanges) {
  write("sub/all.mix",
        "# weight  list\n0.7 ../sofas.jsonl\n\n  3\thttp://h/a b.csv  \nat 1000: 1 1\r\nat 2000 : 0 1\n");
  const Mix mix = read_mix(folder_ / "sub/all.mix");
  EXPECT_THAT(mix.lists, ElementsAre((folder_ / "sofas.jsonl").string(), "http://h/a b.csv"));
  EXPECT_THAT(mix.weightings, ElementsAre(Weighting{0, {0.7, 3}}, Weighting{1000, {1, 1}}, Weighting{2000, {0, 1}}));
}

TEST_F(MixTest, RefusesWithTheLine) {
  EXPECT_THAT(refusal("0.7 sofas.jsonl\nhalf beds.csv\n"), HasSubstr("all.mix:2: \"half\" is no weight"));
  EXPECT_THAT(refusal("0.7\n"), HasSubstr("all.mix:1: the weight has no list"));
  EXPECT_THAT(refusal("-1 sofas.jsonl\n"), HasSubstr("a weight is a number from 0 on, not -1"));
  EXPECT_THAT(refusal("# nothing\n"), HasSubstr("no lists"));
  EXPECT_THAT(refusal("1 sofas.jsonl\n1 beds.csv\nat 5: 1\n"), HasSubstr("all.mix:3: 1 weights for 2 lists"));
  EXPECT_THAT(refusal("1 sofas.jsonl\nat 5: 1\nat 5: 2\n"), HasSubstr("position 5 is not after 5"));
  EXPECT_THAT(refusal("1 sofas.jsonl\nat 0: 1\n"), HasSubstr("position 0 is not after 0"));
  EXPECT_THAT(refusal("1 sofas.jsonl\nat soon: 1\n"), HasSubstr("\"soon\" is no position"));
  EXPECT_THAT(refusal("1 sofas.jsonl\nat 5 1\n"), HasSubstr("expected a colon"));
  EXPECT_THAT(refusal("at 5: 1\n"), HasSubstr("name the lists before"));
  EXPECT_THAT(refusal("1 sofas.jsonl\nat 5: 1\n1 beds.csv\n"), HasSubstr("all.mix:3: name all lists before"));
  EXPECT_THAT(refusal("1 other.mix\n"), HasSubstr("cannot be part of a mix"));
  EXPECT_THAT(refusal("1 nowhere.jsonl\n"), HasSubstr("nowhere.jsonl"));
  config_.data.list = (folder_ / "nowhere.mix").string();
  EXPECT_THROW(open_list(config_.data, {}), std::invalid_argument);
}

TEST_F(MixTest, IsOneManifestOfAllLists) {
  use_mix("1 sofas.jsonl\n1 beds.csv\n");
  EXPECT_EQ(manifest_->size(), 52u);
  EXPECT_THAT(manifest_->labels(), ElementsAre("bed", "sofa"));
  EXPECT_EQ(manifest_->entry(0).url, url(0));
  EXPECT_EQ(manifest_->entry(39).url, url(39));
  EXPECT_EQ(manifest_->entry(40).url, url(100));
  EXPECT_EQ(manifest_->entry(51).label, "bed");
  EXPECT_EQ(manifest_->label_index(39), 1);
  EXPECT_EQ(manifest_->label_index(40), 0);
  EXPECT_THAT(manifest_->ends(), ElementsAre(40, 52));
  const std::string before = manifest_->sha256();
  use_mix("1 beds.csv\n1 sofas.jsonl\n");
  EXPECT_NE(manifest_->sha256(), before);

  const Manifest sofas(folder_ / "sofas.jsonl");
  use_mix("1 beds.csv\n2 sofas.jsonl\n");
  const RowSet apart = sofas.split(0.4, true), together = manifest_->split(0.4, true);
  std::vector<uint64_t> of_sofas;
  for (uint64_t rank = 0; rank < together.size(); ++rank)
    if (together.at(rank) >= 12) of_sofas.push_back(together.at(rank) - 12);
  ASSERT_EQ(of_sofas.size(), apart.size());
  for (uint64_t rank = 0; rank < apart.size(); ++rank) EXPECT_EQ(of_sofas[rank], apart.at(rank));
}

TEST_F(MixTest, DeliversEveryListByItsWeight) {
  use_mix("3 sofas.jsonl\n1 beds.csv\nat 64: 1 3\n");
  FakeWeb web([](const std::string& address, int) { return found(address); });
  const auto samples = read(web, 16);
  const auto middle = samples.begin() + 64;
  EXPECT_EQ(labels_of({samples.begin(), middle}), (std::map<std::string, int>{{"sofa", 48}, {"bed", 16}}));
  EXPECT_EQ(labels_of({middle, samples.end()}), (std::map<std::string, int>{{"sofa", 16}, {"bed", 48}}));
}

TEST_F(MixTest, ASubstituteComesFromTheSameList) {
  use_mix("1 sofas.jsonl\n1 beds.csv\n");
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) >= 100 && row_of(address) < 106) return not_found();
    return found(address);
  });
  config_.data.max_failure_rate = 0.9;
  for (const Sample& sample : read(web, 16)) {
    EXPECT_EQ(sample.label, sample.position % 2 == 0 ? 1 : 0);
    EXPECT_FALSE(sample.entry >= 40 && sample.entry < 46);
  }
}

TEST_F(MixTest, AListThatIsGoneWholeEndsTheRunAndIsNamed) {
  use_mix("9 sofas.jsonl\n1 beds.csv\n");
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) >= 100) return not_found();
    return found(address);
  });
  EXPECT_THAT(read_to_the_end(web).first, HasSubstr("every entry of " + (folder_ / "beds.csv").string()));
}

TEST_F(MixTest, BalanceGivesEveryLabelAsMuch) {
  write("furniture.jsonl", rows("sofa", 0, 40) + rows("bed", 100, 112) + "{\"url\":\"" + url(300) + "\"}\n");
  config_.data.list = (folder_ / "furniture.jsonl").string();
  manifest_ = open_list(config_.data, {});
  config_.data.balance = Balance::kLabel;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  std::map<int64_t, int> counts;
  for (const Sample& sample : read(web, 15)) ++counts[sample.label];
  EXPECT_EQ(counts, (std::map<int64_t, int>{{-1, 40}, {0, 40}, {1, 40}}));
}

TEST_F(MixTest, BalanceDividesTheWeightOfEachListOfAMix) {
  write("both.jsonl", rows("bed", 300, 310) + rows("lamp", 310, 311));
  use_mix("1 sofas.jsonl\n1 both.jsonl\n");
  config_.data.balance = Balance::kLabel;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  EXPECT_EQ(labels_of(read(web, 10)), (std::map<std::string, int>{{"sofa", 40}, {"bed", 20}, {"lamp", 20}}));
}

TEST_F(MixTest, AListWithoutRowsToTrainOnIsNamed) {
  config_.data.held_out = 0.5;
  int held = 0, trained = 0;
  for (int group = 0; group < 20; ++group)
    for (const Balance balance : {Balance::kNone, Balance::kLabel}) {
      const std::string name = "group " + std::to_string(group);
      write("one.csv", "url,label,group\n" + url(1) + ",bed," + name + "\n" + url(2) + ",bed," + name + "\n");
      config_.data.balance = balance;
      use_mix("1 sofas.jsonl\n1 one.csv\n");
      const RowSet held_out = manifest_->split(0.5, true);
      const StreamPlan measured = plan_stream(config_, manifest_, /*held_out=*/true);
      EXPECT_EQ(measured.strata.size(), 1U) << "neither mixed nor balanced";
      EXPECT_EQ(measured.strata.front().rows, held_out);
      if (held_out.at(held_out.size() - 1) < 40) {
        ++trained;
        EXPECT_GE(plan_stream(config_, manifest_).strata.size(), 2U);
        continue;
      }
      ++held;
      try {
        plan_stream(config_, manifest_);
        FAIL() << "all of one.csv is held out";
      } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), HasSubstr("one.csv has no rows to draw from"));
      }
    }
  EXPECT_GT(held, 0);
  EXPECT_GT(trained, 0);
}

TEST_F(MixTest, StoresAndListsGoTogetherThroughACacheToo) {
  for (uint64_t row = 0; row < 40; ++row) write(std::to_string(row) + ".png", text(picture(row)));
  std::string list;
  for (uint64_t row = 0; row < 40; ++row) list += std::to_string(row) + ".png\n";
  write("files.txt", list);
  const Manifest lamps(folder_ / "lamps.jsonl");
  {
    Store store(folder_ / "lamps", {.list_sha256 = lamps.sha256(), .rows = 8, .list = "list.jsonl"});
    ShardDraft draft;
    for (uint64_t row = 0; row < 8; ++row) draft.add({row, false}, url(200 + row), "lamp", picture(200 + row));
    store.add(draft);
    std::filesystem::copy(folder_ / "lamps.jsonl", folder_ / "lamps/list.jsonl");
  }
  use_mix("1 files.txt\n1 lamps\n");
  EXPECT_EQ(manifest_->size(), 48u);
  const auto samples = [&] {
    Stream stream(config_, plan());
    std::vector<Sample> all;
    for (int i = 0; i < 10; ++i) append(all, stream.next());
    return all;
  };
  const auto expected = samples();
  FakeWeb web([&](const std::string& address, int) {
    return address.starts_with("http") ? found(address) : picture(std::stoull(std::filesystem::path(address).stem()));
  });
  EXPECT_EQ(read(web, 10), expected);
  config_.data.cache = (folder_ / "cache").string();
  EXPECT_EQ(samples(), expected);
  EXPECT_TRUE(Store(folder_ / "cache").has({.row = 5}));
  EXPECT_FALSE(Store(folder_ / "cache").has({.row = 45})) << "what a store of the mix has is on disk already";
  std::filesystem::remove(folder_ / "0.png");
  EXPECT_EQ(samples(), expected);
}

TEST_F(MixTest, VerdictsMoveToTheRowsOfAnotherListByTheirUrls) {
  Verdicts verdicts;
  for (const uint64_t row : {3, 4, 39})
    verdicts.add(
        {.entry = row, .position = row * 10, .url = url(row), .fault = Fault::kHttpStatus, .detail = "HTTP 404"});
  write("newer.jsonl", rows("sofa", 4, 38) + rows("sofa", 3, 4) + rows("sofa", 3, 5));
  const Verdicts moved = rebase(verdicts, Manifest(folder_ / "newer.jsonl"));
  std::map<uint64_t, uint64_t> position_of;
  for (const auto& [row, verdict] : moved.all()) position_of[row] = verdict.position;
  EXPECT_EQ(position_of, (std::map<uint64_t, uint64_t>{{0, 40}, {34, 30}, {35, 30}, {36, 40}}));
  ASSERT_TRUE(moved.has(0));
  EXPECT_EQ(moved.find(0)->detail, "HTTP 404");
}

}  // namespace
}  // namespace atelier::test
