#include "data/stored_source.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/open_source.h"
#include "tests/data/stream_fixture.h"

/// Streams through a cache: the same samples as without, and each image over the network once.
namespace atelier::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StoredSourceTest : public StreamTest {
 protected:
  std::shared_ptr<Store> open() const {
    return std::make_shared<Store>(
        folder_ / "cache", StoreIdentity{.list_sha256 = manifest_->sha256(), .rows = manifest_->size(), .list = {}});
  }
  /// The first `batches` batches of a stream over `web`, by way of the store.
  std::vector<Sample> read_through(FakeWeb& web, int batches, const std::shared_ptr<Store>& store) {
    Stream stream(config_, plan(), [&](Source::Handler handler) {
      return std::make_unique<StoredSource>(
          store, manifest_,
          StoredSource::Options{.max_bytes = config_.data.max_image_size,
                                .failed = [this](const std::string& sentence) { failure_ = sentence; }},
          web.source(), std::move(handler));
    });
    std::vector<Sample> samples;
    for (int i = 0; i < batches; ++i) append(samples, stream.next());
    return samples;
  }

  static FakeWeb::Body always(const std::string& address, int) { return found(address); }

  std::string failure_;
};

TEST_F(StoredSourceTest, TheSamplesAreThoseOfTheNetworkAndTheSecondPassFetchesNothing) {
  FakeWeb plain(flawed), first(flawed), second(flawed);
  const std::vector<Sample> expected = read(plain, 20);
  const auto store = open();
  EXPECT_EQ(read_through(first, 20, store), expected);
  EXPECT_EQ(read_through(second, 20, store), expected);
  for (uint64_t row = 0; row < kRows; ++row) {
    if (row % 7 == 3) continue;  // gone, so it cannot be held
    EXPECT_EQ(second.asked(url(row)), 0) << row;
    EXPECT_TRUE(store->has({row}));
  }
}

TEST_F(StoredSourceTest, AListSmallerThanAShardComesFromDiskWithinTheRunToo) {
  FakeWeb web(always);
  read_through(web, 60, open());  // eight passes
  for (uint64_t row = 0; row < kRows; ++row) EXPECT_LE(web.asked(url(row)), 2) << "twice if the stream reads ahead";
}

TEST_F(StoredSourceTest, WhatAnotherProcessHasStoredMeanwhileIsNotStoredTwice) {
  FakeWeb web(always), other(always);
  const auto slower = open(), faster = open();
  {
    Stream stream(config_, plan(), kept_in(slower, manifest_, config_.data, web.source(), {}));
    for (int i = 0; i < 8; ++i) stream.next();  // its bodies are in memory
    read_through(other, 4, faster);             // some of them are on disk now
  }
  uint64_t bodies = 0;
  const StoreCheck found = Store(folder_ / "cache").check();
  for (uint64_t row = 0; row < kRows; ++row) bodies += faster->has({row});
  EXPECT_EQ(bodies, kRows);
  EXPECT_EQ(found.bodies, kRows) << "each once";
}

TEST_F(StoredSourceTest, ADamagedBodyIsFetchedAgainAndReplaced) {
  FakeWeb web(always), again(always), third(always);
  const std::vector<Sample> expected = read_through(web, 10, open());
  std::fstream shard(folder_ / "cache" / "shard-00000.h5", std::ios::binary | std::ios::in | std::ios::out);
  shard.seekp(2048 + 10);
  shard.put('?');
  shard.close();
  EXPECT_EQ(read_through(again, 10, open()), expected);
  int asked = 0;
  for (uint64_t row = 0; row < kRows; ++row) asked += again.asked(url(row)) > 0;
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(read_through(third, 10, open()), expected);
  for (uint64_t row = 0; row < kRows; ++row) EXPECT_EQ(third.asked(url(row)), 0);
}

TEST_F(StoredSourceTest, AStoreAloneIsAsGoodAsTheListThatWasPacked) {
  FakeWeb plain(flawed), web(flawed);
  const std::vector<Sample> expected = read(plain, 20);
  read_through(web, 20, open());
  const auto store = open();
  Stream stream(config_, plan(), [&](Source::Handler handler) {
    return std::make_unique<StoredSource>(store, manifest_, StoredSource::Options{}, nullptr, std::move(handler));
  });
  std::vector<Sample> samples;
  for (int i = 0; i < 20; ++i) append(samples, stream.next());
  EXPECT_EQ(samples, expected) << "what could not be had has its substitutes here too";
}

TEST_F(StoredSourceTest, ACacheThatCannotBeWrittenIsToldAndTheStreamGoesOn) {
  FakeWeb plain(always), web(always);
  const auto store = open();
  fs::create_directories(folder_ / "cache" / "shard-00000.h5" / "in the way");
  EXPECT_EQ(read_through(web, 10, store), read(plain, 10));
  EXPECT_THAT(failure_, HasSubstr("shard-00000.h5"));
}

TEST_F(StoredSourceTest, ConditionsAreKeptBesideTheirImages) {
  std::string list;
  for (uint64_t row = 0; row < 30; ++row)
    list += "{\"url\":\"" + url(row) + "\",\"condition_url\":\"" + url(row + 100) + "\"}\n";
  use_list(list);
  config_.data.condition = Condition::kFile;
  FakeWeb plain(always), web(always), none([](const std::string&, int) { return not_found(); });
  const std::vector<Sample> expected = read(plain, 10);
  const auto store = open();
  EXPECT_EQ(read_through(web, 10, store), expected);
  EXPECT_EQ(read_through(none, 10, store), expected);
}

}  // namespace
}  // namespace atelier::test
