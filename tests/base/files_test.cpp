#include "base/files.h"

#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// FIPS 180-4's examples, as printed by NIST.
TEST(Hashes, Sha256GivesThePublishedAnswers) {
  EXPECT_EQ(sha256_hex(bytes_of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  pieces.update(bytes_of("a"));
  pieces.update(bytes_of("bc"));
  EXPECT_EQ(pieces.hex(), sha256_hex(bytes_of("abc")));
}

TEST_F(Files, APublishedFileHasItsBytesAndLeavesNothingBeside) {
  publish_file(folder_ / "a", "first");
  publish_file(folder_ / "a", "second");
  EXPECT_EQ(read_file(folder_ / "a"), "second");
  EXPECT_EQ(sha256_file(folder_ / "a"), sha256_hex(bytes_of("second")));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, AFileThatCannotBeWrittenIsNamed) {
  try {
    publish_file(folder_ / "missing" / "a", "x");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("missing/a"), std::string::npos) << error.what();
  }
  EXPECT_THROW(publish_file("/dev/full/a", "x"), std::runtime_error);
}

TEST_F(Files, AFullDiskLeavesTheOldFile) {
  publish_file(folder_ / "a", "old");
  fs::create_symlink("/dev/full", folder_ / "a.partial");  // every write to it fails with ENOSPC
  EXPECT_THROW(publish_file(folder_ / "a", "new"), std::system_error);
  EXPECT_EQ(read_file(folder_ / "a"), "old");
}

TEST_F(Files, APublishedFolderReplacesTheOldOneWhole) {
  publish_folder(folder_ / "run", [](const fs::path& partial) { write(partial / "a", "1"); });
  publish_folder(folder_ / "run", [](const fs::path& partial) { write(partial / "b", "2"); });
  EXPECT_FALSE(fs::exists(folder_ / "run" / "a"));
  EXPECT_EQ(read_file(folder_ / "run" / "b"), "2");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, AWriterThatThrowsLeavesTheOldFolder) {
  publish_folder(folder_ / "run", [](const fs::path& partial) { write(partial / "a", "1"); });
  EXPECT_THROW(publish_folder(folder_ / "run",
                              [](const fs::path& partial) {
                                write(partial / "a", "half");
                                throw std::runtime_error("disk full");
                              }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder_ / "run" / "a"), "1");
  EXPECT_EQ(entries(), 1U);
}

// A child publishes folders of two equal files again and again; whenever it is killed, both are there and agree.
TEST_F(Files, AKillAtAnyMomentLeavesAWholeFolder) {
  const fs::path target = folder_ / "run";
  const auto publish = [&](int round) {
    publish_folder(target, [&](const fs::path& partial) {
      write(partial / "a", std::to_string(round));
      write(partial / "b", std::to_string(round));
    });
  };
  publish(0);
  for (int kill_after_us = 200; kill_after_us < 8'000; kill_after_us += 390) {
    const pid_t child = fork();
    if (child == 0)
      for (int round = 1;; ++round) publish(round);
    usleep(static_cast<useconds_t>(kill_after_us));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    ASSERT_EQ(read_file(target / "a"), read_file(target / "b"));
    ASSERT_NE(read_file(target / "a"), "");
  }
}

TEST_F(Files, AKillWhileAFolderIsDiscardedLeavesItWholeOrUnderAnotherName) {
  const fs::path target = folder_ / "run";
  for (int kill_after_us = 200; kill_after_us < 8'000; kill_after_us += 390) {
    publish_folder(target, [](const fs::path& partial) {
      for (int file = 0; file < 200; ++file) write(partial / std::to_string(file), "bytes");
    });
    const pid_t child = fork();
    if (child == 0) {
      discard_folder(target);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(kill_after_us));
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    const auto files = fs::exists(target) ? std::distance(fs::directory_iterator(target), {}) : 200;
    ASSERT_EQ(files, 200);
  }
  discard_folder(target.parent_path());
  EXPECT_FALSE(fs::exists(target.parent_path()));
}

TEST_F(Files, ReadingStopsAtTheLimit) {
  publish_file(folder_ / "a", std::string(1'000, 'x'));
  EXPECT_EQ(read_file(folder_ / "a", 1'000).size(), 1'000U);
  EXPECT_THROW(read_file(folder_ / "a", 999), std::runtime_error);
  EXPECT_THROW(read_file(folder_ / "b"), std::runtime_error);
}

TEST_F(Files, ALockIsHeldByOneUntilItGoes) {
  {
    const auto lock = FileLock::try_acquire(folder_ / "lock");
    ASSERT_TRUE(lock);
    EXPECT_FALSE(FileLock::try_acquire(folder_ / "lock"));
    EXPECT_TRUE(FileLock::is_held(folder_ / "lock"));
  }
  EXPECT_FALSE(FileLock::is_held(folder_ / "lock"));
  EXPECT_FALSE(FileLock::is_held(folder_ / "another"));
  EXPECT_FALSE(fs::exists(folder_ / "another"));
  EXPECT_TRUE(FileLock::try_acquire(folder_ / "lock"));
}

}  // namespace
}  // namespace atelier
