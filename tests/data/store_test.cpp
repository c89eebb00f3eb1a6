#include "data/store.h"

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint64_t kRows = 10'000;
constexpr uint64_t kAnySize = 1 << 20;
const StoreIdentity kIdentity{.list_sha256 = std::string(64, 'a'), .rows = kRows, .list = {}};

/// Bytes that no other item has.
std::vector<std::byte> body_of(const Item& item) {
  std::vector<std::byte> body(100 + item.row % 977);
  for (size_t i = 0; i < body.size(); ++i)
    body[i] = static_cast<std::byte>(random_bits(item.condition, item.row, Purpose::kNoise, i));
  return body;
}

ShardDraft draft_of(uint64_t begin, uint64_t end, bool condition = false) {
  ShardDraft draft;
  for (uint64_t row = begin; row < end; ++row)
    draft.add({row, condition}, "http://h/" + std::to_string(row), "chair", body_of({row, condition}));
  return draft;
}

class StoreTest : public ::testing::Test {
 protected:
  static void expect_body(const Store& store, const Item& item) {
    const auto found = store.read(item, kAnySize);
    ASSERT_TRUE(found) << item.row;
    const auto* body = std::get_if<std::vector<std::byte>>(&*found);
    ASSERT_TRUE(body) << item.row << " " << std::get<Failure>(*found).detail;
    EXPECT_EQ(*body, body_of(item));
  }
  static Fault fault_of(const Store& store, const Item& item, uint64_t max_bytes = kAnySize) {
    return std::get<Failure>(store.read(item, max_bytes).value()).fault;
  }
  void flip_byte(const std::string& name, uint64_t offset) const {
    std::fstream file(folder_ / name, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 1));
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_ / "store";
};

TEST_F(StoreTest, WhatWasSealedIsFoundByEverybodyAndNothingElse) {
  Store store(folder_, kIdentity);
  const Store other(folder_);  // opened before there was anything
  store.add(draft_of(0, 50));
  store.add(draft_of(70, 90));
  store.add(draft_of(0, 5, /*condition=*/true));
  for (const Store* each : {const_cast<const Store*>(&store), &other}) {
    for (const uint64_t row : {0u, 49u, 70u, 89u}) expect_body(*each, {row});
    for (const uint64_t row : {0u, 4u}) expect_body(*each, {row, true});
    for (const Item& item : {Item{50}, Item{69}, Item{90}, Item{5, true}, Item{kRows}, Item{uint64_t{1} << 60}}) {
      EXPECT_FALSE(each->has(item));
      EXPECT_FALSE(each->read(item, kAnySize));
    }
  }
  EXPECT_EQ(store.shards(), 3u);
  const StoreCheck found = store.check();
  EXPECT_TRUE(found.damages.empty());
  EXPECT_EQ(found.bodies, 75u);
  EXPECT_EQ(found.rows, 70u);
}

TEST_F(StoreTest, MoreShardsThanMayBeOpenAtOnceAreReadAllTheSame) {
  Store store(folder_, kIdentity);
  for (uint64_t row = 0; row < 140; ++row) store.add(draft_of(row, row + 1));
  for (uint64_t i = 0; i < 500; ++i) expect_body(store, {i * 7919 % 140});
}

TEST_F(StoreTest, ABodyOverTheLimitIsRefusedUnread) {
  Store store(folder_, kIdentity);
  store.add(draft_of(0, 2));
  EXPECT_EQ(fault_of(store, {1}, 100), Fault::kTooLargeByHead);
  EXPECT_TRUE(std::holds_alternative<std::vector<std::byte>>(*store.read({1}, 101)));
}

TEST_F(StoreTest, DamageIsSeenAndNamedAndNeverReadAsAnImage) {
  Store store(folder_, kIdentity);
  store.add(draft_of(0, 50));
  flip_byte("shard-00000.h5", 2048 + 30);  // in row 0's body
  const Store damaged(folder_);
  EXPECT_EQ(fault_of(damaged, {0}), Fault::kChecksum);
  expect_body(damaged, {1});
  ASSERT_EQ(damaged.check().damages.size(), 2u) << "the shard, and the body in it";
  EXPECT_THAT(damaged.check().damages[0], HasSubstr("shard-00000.h5 is not as it was sealed"));
  fs::resize_file(folder_ / "shard-00000.h5", 4000);
  EXPECT_EQ(fault_of(Store(folder_), {49}), Fault::kChecksum);
  fs::remove(folder_ / "shard-00000.h5");
  EXPECT_EQ(fault_of(Store(folder_), {49}), Fault::kMissingFile);
  EXPECT_THAT(Store(folder_).check().damages.at(0), HasSubstr("shard-00000.h5"));
}

TEST_F(StoreTest, APlaceThatLeadsToAnotherBodyIsDamage) {
  Store store(folder_, kIdentity);
  store.add(draft_of(0, 50));
  flip_byte("places", 8 * 7);  // row 7 now has the place of row 6
  EXPECT_EQ(fault_of(store, {7}), Fault::kChecksum);
  flip_byte("places", 8 * 8 + 6);  // row 8 lies in a shard that there is not
  EXPECT_FALSE(store.read({8}, kAnySize));
  flip_byte("places", 8 * 9 + 3);  // row 9 lies behind the shard's end
  EXPECT_FALSE(store.read({9}, kAnySize));
  expect_body(store, {6});
  EXPECT_THAT(store.check().damages, ::testing::ElementsAre(HasSubstr("row 7")));
}

TEST_F(StoreTest, ACheckSeesPlacesAndListsThatAreNotAsTheyWere) {
  const std::string list = "some rows\n";
  Store store(folder_, {.list_sha256 = sha256_hex(list), .rows = kRows, .list = "list.txt"});
  store.add(draft_of(0, 50));
  EXPECT_THAT(store.check().damages, ::testing::ElementsAre(HasSubstr("list.txt is not the list")));
  store.keep_list(list);
  EXPECT_THAT(store.check().damages, ::testing::IsEmpty());
  fs::resize_file(folder_ / "places", 8 * 40);
  EXPECT_THAT(Store(folder_).check().damages, ::testing::ElementsAre(HasSubstr("shard-00000.h5 holds images that")));
  fs::resize_file(folder_ / "places", 8 * 2 * kRows + 8);
  EXPECT_THAT(Store(folder_).check().damages, ::testing::Contains(HasSubstr("places has ")));
}

TEST_F(StoreTest, AFolderOfPicturesIsNoStoreWhateverTheirNames) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "index.json") << "{}";
  EXPECT_FALSE(Store::is_store(folder_));
  EXPECT_THROW(Store(folder_, kIdentity), std::invalid_argument);
  EXPECT_EQ(read_file(folder_ / "index.json"), "{}");
}

TEST_F(StoreTest, FoldersOfOtherThingsAreRefused) {
  Store(folder_, kIdentity).add(draft_of(0, 5));
  StoreIdentity other = kIdentity;
  other.list_sha256[0] = 'b';
  EXPECT_THROW(Store(folder_, other), std::invalid_argument);
  fs::create_directories(folder_ / "full" / "of things");
  EXPECT_THROW(Store(folder_ / "full", kIdentity), std::invalid_argument);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "full"), {}), 1) << "left as it was";
  std::ofstream(folder_ / "index.json") << "{\"version\": 1, \"list\": 3}";
  EXPECT_THROW(Store{folder_}, std::invalid_argument);
  EXPECT_THROW(Store{folder_ / "nowhere"}, std::system_error);
}

TEST_F(StoreTest, AKillLosesNothingThatWasSealed) {
  uint64_t most = 0;
  for (int round = 0; round < 6; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      Store store(folder_, kIdentity);
      for (uint64_t row = 0; row + 20 < kRows; row += 20) store.add(draft_of(row, row + 20));
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(40 + 23 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    Store store(folder_, kIdentity);
    EXPECT_TRUE(store.check().damages.empty());
    uint64_t held = 0;
    for (uint64_t row = 0; row < kRows; ++row) {
      if (!store.has({row})) continue;
      expect_body(store, {row});
      ++held;
    }
    EXPECT_GE(held, most);
    most = held;
  }
  EXPECT_GT(most, 0u);
}

TEST_F(StoreTest, AShardThatWasNamedButNotPlacedIsFoundAgain) {
  Store running(folder_, kIdentity);
  running.add(draft_of(0, 20));
  const auto kill_before_places = [&](uint64_t begin) {  // what a process leaves that is killed in that moment
    const auto size = fs::file_size(folder_ / "places");
    Store(folder_, kIdentity).add(draft_of(begin, begin + 20));
    fs::resize_file(folder_ / "places", size);
  };
  kill_before_places(100);
  EXPECT_FALSE(Store(folder_).has({100}));
  Store later(folder_, kIdentity);  // by who opens the store next
  for (uint64_t row = 100; row < 120; ++row) expect_body(later, {row});
  kill_before_places(200);
  running.add(draft_of(40, 60));  // or adds next
  for (const uint64_t row : {0u, 40u, 59u, 100u, 119u, 200u, 219u}) expect_body(running, {row});
  EXPECT_EQ(running.check().rows, 80u);
}

TEST_F(StoreTest, ProcessesAddSideBySide) {
  std::vector<pid_t> children;
  for (uint64_t part = 0; part < 4; ++part) {
    const pid_t child = ::fork();
    if (child == 0) {
      Store store(folder_, kIdentity);
      for (uint64_t row = part * 100; row < part * 100 + 100; row += 10) store.add(draft_of(row, row + 10));
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Store store(folder_);
  EXPECT_EQ(store.shards(), 40u);
  for (uint64_t row = 0; row < 400; ++row) expect_body(store, {row});
  EXPECT_TRUE(store.check().damages.empty());
}

std::pair<std::string, std::string> describe(const Item& item) {
  return {"http://h/" + std::to_string(item.row), "chair"};
}

TEST_F(StoreTest, MendingSealsTheGoodBodiesOfADamagedShardAnewAndRemovesIt) {
  Store(folder_, kIdentity).add(draft_of(0, 50));
  const Store reader(folder_);
  expect_body(reader, {1});
  flip_byte("shard-00000.h5", 2048 + 30);  // in row 0's body
  Store mended(folder_, kIdentity);
  mended.add(draft_of(0, 1));  // as a pack does that has fetched it again
  EXPECT_THAT(mended.check().damages, ::testing::ElementsAre(HasSubstr("shard-00000.h5 is not as it was sealed")));
  const StoreMending done = mended.mend(describe);
  EXPECT_EQ(done.moved, 49u);
  EXPECT_EQ(done.removed, 1u);
  EXPECT_EQ(done.adopted, 0u);
  EXPECT_FALSE(fs::exists(folder_ / "shard-00000.h5"));
  EXPECT_EQ(Store(folder_).shards(), 2u);
  const StoreCheck found = Store(folder_).check();
  EXPECT_THAT(found.damages, ::testing::IsEmpty());
  EXPECT_EQ(found.unused, 0u);
  EXPECT_EQ(found.rows, 50u);
  for (uint64_t row = 0; row < 50; ++row) {
    expect_body(reader, {row});
    expect_body(mended, {row});
  }
  mended.add(draft_of(50, 60));
  expect_body(reader, {55});
}

TEST_F(StoreTest, MendingKeepsADamagedBodyThatNobodyCouldFetchAgain) {
  Store(folder_, kIdentity).add(draft_of(0, 50));
  flip_byte("shard-00000.h5", 2048 + 30);
  Store store(folder_, kIdentity);
  EXPECT_EQ(store.mend(describe).removed, 0u);
  EXPECT_TRUE(fs::exists(folder_ / "shard-00000.h5"));
  EXPECT_EQ(fault_of(store, {0}), Fault::kChecksum);
  for (uint64_t row = 1; row < 50; ++row) expect_body(store, {row});
}

TEST_F(StoreTest, MendingFindsBodiesAgainThatNothingLeadsTo) {
  {
    Store store(folder_, kIdentity);
    store.add(draft_of(0, 50));
    store.add(draft_of(50, 60));
  }
  fs::resize_file(folder_ / "places", 0);
  Store store(folder_, kIdentity);  // gives the last shard its places by itself
  EXPECT_FALSE(store.has({0}));
  EXPECT_EQ(store.mend(describe).adopted, 50u);
  for (uint64_t row = 0; row < 60; ++row) expect_body(store, {row});
  EXPECT_THAT(store.check().damages, ::testing::IsEmpty());
}

TEST_F(StoreTest, MendingRemovesNothingButItsOwn) {
  {
    Store store(folder_, kIdentity);
    for (int i = 0; i < 3; ++i) store.add(draft_of(0, 50));  // the same by three processes
  }
  fs::copy_file(folder_ / "shard-00002.h5", folder_ / "shard-00003.h5");  // killed before it was named
  EXPECT_EQ(Store(folder_).check().unused, 3u);
  std::ofstream(folder_ / "shard-00004.h5") << "somebody's notes";
  fs::create_directories(folder_ / "shard-00005.h5");
  fs::copy_file(folder_ / "shard-00002.h5", temporary_ / "elsewhere.h5");
  fs::create_symlink(temporary_ / "elsewhere.h5", folder_ / "shard-00006.h5");
  fs::copy_file(folder_ / "shard-00002.h5", folder_ / "shard-7.h5");
  Store store(folder_, kIdentity);
  EXPECT_EQ(store.mend(describe).removed, 3u);
  for (const char* name : {"shard-00002.h5", "shard-00004.h5", "shard-00005.h5", "shard-00006.h5", "shard-7.h5"})
    EXPECT_TRUE(fs::exists(folder_ / name)) << name;
  for (const char* name : {"shard-00000.h5", "shard-00001.h5", "shard-00003.h5"})
    EXPECT_FALSE(fs::exists(folder_ / name)) << name;
  EXPECT_THAT(store.check().damages, ::testing::IsEmpty());
  for (uint64_t row = 0; row < 50; ++row) expect_body(store, {row});
}

TEST_F(StoreTest, MendingCanBeLeftAtEachShard) {
  struct Left {};
  {
    Store store(folder_, kIdentity);
    for (uint64_t row = 0; row < 40; row += 10) store.add(draft_of(row, row + 10));
  }
  fs::resize_file(folder_ / "places", 0);
  Store store(folder_, kIdentity);
  EXPECT_THROW(store.mend(describe,
                          [](double share) {
                            if (share == 0.5) throw Left();
                          }),
               Left);
  for (uint64_t row = 0; row < 20; ++row) expect_body(store, {row});
  EXPECT_FALSE(store.has({20}));
  std::vector<double> shares;
  EXPECT_EQ(store.mend(describe, [&](double share) { shares.push_back(share); }).adopted, 10u);
  EXPECT_THAT(shares, ::testing::ElementsAre(0, 0.25, 0.5, 0.75, 1));
}

TEST_F(StoreTest, AKillWhileItIsMendedLosesNothing) {
  Store(folder_, kIdentity).add(draft_of(0, 100));
  for (int round = 0; round < 8; ++round) {
    std::array<int, 2> mended{};
    ASSERT_EQ(::pipe(mended.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (uint64_t row = 0;; row = (row + 20) % 100) {
        Store store(folder_, kIdentity);
        store.add(draft_of(row, row + 20));
        store.mend(describe);
        if (::write(mended[1], "m", 1) != 1) ::_exit(1);
      }
    }
    ::close(mended[1]);
    char told = 0;
    EXPECT_EQ(::read(mended[0], &told, 1), 1) << "the child has mended once";
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * round));
    ::kill(child, SIGKILL);
    ::close(mended[0]);
    ::waitpid(child, nullptr, 0);
    Store store(folder_, kIdentity);
    for (uint64_t row = 0; row < 100; ++row) expect_body(store, {row});
    EXPECT_THAT(store.check().damages, ::testing::IsEmpty());
  }
  Store store(folder_, kIdentity);
  store.mend(describe);
  EXPECT_EQ(store.check().unused, 0u);
  EXPECT_THAT(read_file(folder_ / "index.json"), HasSubstr("\"samples\": 0")) << "shards have been removed";
}

TEST_F(StoreTest, H5pyReadsAShard) {
  const char* python = std::getenv("TEST_PYTHON");
  const std::string interpreter = python ? python : "python3";
  if (std::system((interpreter + " -c 'import h5py' 2> /dev/null").c_str()) != 0)
    GTEST_SKIP() << "no h5py; scripts/test.sh installs it";
  Store(folder_, kIdentity).add(draft_of(40, 50));
  const std::string program =
      "import h5py, sys\n"
      "f = h5py.File(sys.argv[1])\n"
      "assert list(f['rows']) == list(range(40, 50)) and not any(f['conditions'])\n"
      "assert all(f[name].chunks is None for name in f), 'contiguous'\n"
      "assert f['urls'].asstr()[3] == 'http://h/43' and f['labels'].asstr()[3] == 'chair'\n"
      "body = f['bytes'][f['offsets'][3]:f['offsets'][4]].tobytes()\n"
      "assert body == open(sys.argv[2], 'rb').read()\n";
  std::ofstream(folder_ / "read.py") << program;
  const auto body = body_of({43});
  std::ofstream(folder_ / "body", std::ios::binary)
      .write(reinterpret_cast<const char*>(body.data()), static_cast<std::streamsize>(body.size()));
  const std::string command = interpreter + " " + (folder_ / "read.py").string() + " " +
                              (folder_ / "shard-00000.h5").string() + " " + (folder_ / "body").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace atelier
