#include "data/list_index.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "data/manifest.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kRows = 200'000;

std::string url_of(uint64_t row) {
  return "http://host/" + std::string(70, 'a' + static_cast<char>(row % 26)) + std::to_string(row);
}

/// A list that is long enough for an index of its own (more than 16 MiB), and a cache folder of the test's own.
class ListIndexTest : public ::testing::Test {
 protected:
  ListIndexTest() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
    std::string text = "url,label,group\n";
    for (uint64_t row = 0; row < kRows; ++row)
      text += url_of(row) + "," +
              (row % 3 == 0   ? ""
               : row % 3 == 1 ? "sofa"
                              : "bed") +
              ",g" + std::to_string(row / 2) + "\n";
    text += "\n";
    write("list.csv", text);
    std::string lines;
    for (uint64_t row = 0; row < kRows; ++row)
      lines += R"({"url":")" + url_of(row) + R"(","group":"g)" + std::to_string(row / 2) + "\"}\n";
    write("list.jsonl", lines);
  }
  ~ListIndexTest() override {
    ::unsetenv("XDG_CACHE_HOME");
    fs::permissions(folder_, fs::perms::owner_all);
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  /// Changes the file's bytes at `offset` and keeps its size and time.
  void overwrite(const fs::path& file, uint64_t offset, const std::string& bytes) const {
    const auto time = fs::last_write_time(file);
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream << bytes;
    stream.close();
    fs::last_write_time(file, time);
  }
  /// How many times the progress of reading was told: 0 when the list was not read.
  int pieces_read(const std::string& name, bool verify = false) const {
    int pieces = 0;
    Manifest(folder_ / name, {.verify = verify, .progress = [&](double share) {
                                ++pieces;
                                EXPECT_GE(share, 0);
                                EXPECT_LE(share, 1);
                              }});
    return pieces;
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(ListIndexTest, ALongListIsReadWholeOnlyOnce) {
  for (const std::string name : {"list.csv", "list.jsonl"}) {
    EXPECT_GT(pieces_read(name), 1);
    EXPECT_EQ(pieces_read(name), 0);
    const Manifest list(folder_ / name);
    ASSERT_EQ(list.size(), kRows);
    for (uint64_t row = 0; row < kRows; row += 997) EXPECT_EQ(list.entry(row).url, url_of(row));
    EXPECT_EQ(list.entry(kRows - 1).url, url_of(kRows - 1));
    EXPECT_EQ(list.sha256(), sha256_file(folder_ / name));
  }
}

TEST_F(ListIndexTest, LabelsAndSplitsAreThoseOfTheList) {
  Manifest(folder_ / "list.csv");
  const Manifest list(folder_ / "list.csv");
  EXPECT_THAT(list.labels(), ElementsAre("bed", "sofa"));
  for (uint64_t row = 0; row < kRows; row += 101)
    EXPECT_EQ(list.label_index(row), row % 3 == 0 ? -1 : row % 3 == 1 ? 1 : 0);
  const RowSet held_out = list.split(0.25, true), kept = list.split(0.25, false);
  EXPECT_EQ(held_out.size() + kept.size(), kRows);
  EXPECT_NEAR(static_cast<double>(held_out.size()), kRows / 4.0, kRows / 100.0);
  for (uint64_t rank = 0; rank < held_out.size(); rank += 2)
    ASSERT_EQ(held_out.at(rank) / 2, held_out.at(rank + 1) / 2) << "two rows of one group";
  EXPECT_EQ(held_out, Manifest(folder_ / "list.jsonl").split(0.25, true)) << "whatever the format";
}

TEST_F(ListIndexTest, AChangedListIsReadAgain) {
  const fs::path file = folder_ / "list.jsonl";
  EXPECT_GT(pieces_read("list.jsonl"), 0);
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  EXPECT_GT(pieces_read("list.jsonl"), 0) << "another time";
  EXPECT_EQ(pieces_read("list.jsonl"), 0);
  overwrite(file, 10, "X");
  EXPECT_GT(pieces_read("list.jsonl"), 0) << "another first block, same size and time";
  EXPECT_EQ(Manifest(file).entry(0).url[2], 'X');
  const auto time = fs::last_write_time(file);
  std::ofstream(file, std::ios::app) << "{\"url\":\"http://host/more\"}\n";
  fs::last_write_time(file, time);
  EXPECT_EQ(Manifest(file).size(), kRows + 1) << "another size";
}

TEST_F(ListIndexTest, VerifyingFindsWhatTheSamplesDoNot) {
  const fs::path file = folder_ / "list.jsonl";
  Manifest before(file);
  overwrite(file, fs::file_size(file) / 63 / 2, "Q");  // between the first two samples
  EXPECT_EQ(pieces_read("list.jsonl"), 0);
  EXPECT_NE(Manifest(file).sha256(), sha256_file(file));
  EXPECT_GT(pieces_read("list.jsonl", /*verify=*/true), 0);
  EXPECT_EQ(Manifest(file).sha256(), sha256_file(file));
}

TEST_F(ListIndexTest, ADamagedIndexIsMadeAgain) {
  const fs::path index = folder_ / "list.jsonl.index";
  const auto size = [&] { return fs::file_size(index); };
  EXPECT_GT(pieces_read("list.jsonl"), 0);
  ASSERT_TRUE(fs::exists(index));
  fs::resize_file(index, size() / 2);
  EXPECT_GT(pieces_read("list.jsonl"), 0) << "cut";
  overwrite(index, size() - 100, "?");
  EXPECT_GT(pieces_read("list.jsonl"), 0) << "a footer that is not its hash's";
  overwrite(index, size() - 8, "ATLINDX9");
  EXPECT_GT(pieces_read("list.jsonl"), 0) << "another version";
  write("list.jsonl.index", "");
  EXPECT_GT(pieces_read("list.jsonl"), 0) << "empty";
  EXPECT_EQ(pieces_read("list.jsonl"), 0);
  overwrite(index, 8 + 5 * 4, std::string(1, '\x7f'));  // row 5 begins in the middle of a line
  const Manifest list(folder_ / "list.jsonl");
  EXPECT_EQ(list.entry(4).url, url_of(4));
  try {
    list.entry(5);
    FAIL() << "row 5 should not be found";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("row 5 is not where the list's index has it; set data.verify_list"));
  }
  EXPECT_EQ(Manifest(folder_ / "list.jsonl", {.verify = true, .progress = {}}).entry(5).url, url_of(5));
}

TEST_F(ListIndexTest, GoesToTheCacheFolderWhereTheListsCannotBeWritten) {
  if (::geteuid() == 0) {  // root may write anywhere, but not over a folder
    fs::create_directories(folder_ / "list.csv.index" / "in the way");
  } else {
    fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  }
  EXPECT_GT(pieces_read("list.csv"), 0);
  EXPECT_FALSE(fs::is_empty(folder_ / "cache" / "atelier"));
  EXPECT_EQ(pieces_read("list.csv"), 0);
  EXPECT_EQ(Manifest(folder_ / "list.csv").entry(77).url, url_of(77));
}

TEST_F(ListIndexTest, ProcessesThatStartTogetherShareOne) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      bool read = false;
      const Manifest list(folder_ / "list.csv",
                          {.verify = false, .progress = [&](double share) { read |= share > 0; }});
      ::_exit(list.entry(1234).url != url_of(1234) ? 2 : read ? 1 : 0);
    }
    children.push_back(child);
  }
  int readers = 0;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_NE(WEXITSTATUS(status), 2);
    readers += WEXITSTATUS(status);
  }
  EXPECT_EQ(readers, 1);
}

TEST_F(ListIndexTest, AMistakeFarDownIsNamedByItsLine) {
  std::ofstream(folder_ / "list.jsonl", std::ios::app) << "{\"label\":\"chair\"}\n";
  try {
    Manifest(folder_ / "list.jsonl");
    FAIL() << "a row without a url";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("list.jsonl:200001: no url"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "list.jsonl.index"));
}

TEST_F(ListIndexTest, AnIndexThatClaimsMoreRowsThanItHasIsNone) {
  for (const char* rows : {"1", "4097", "18446744073709551615", "-1"}) {
    const std::string footer =
        std::string(R"({"rows":)") + rows + R"(,"bytes":0,"modified":0,"samples":"","sha256":"","labels":[]})";
    const uint64_t size = footer.size();
    const std::string trailer = std::string(reinterpret_cast<const char*>(&size), sizeof size) +
                                sha256_hex(std::as_bytes(std::span(footer))) + "ATLINDX1";
    write("index", footer + trailer);
    EXPECT_FALSE(ListIndex::open(folder_ / "index")) << rows;
    write("index", std::string(8 + 12 * 4096, '\0') + footer + trailer);
    EXPECT_EQ(ListIndex::open(folder_ / "index").has_value(), std::string(rows) == "1") << rows;
  }
}

TEST(ListIndex, RefusesLabelsThatAreDescriptions) {
  ListIndexWriter writer([](std::string_view) {});
  Stretch stretch;
  for (int i = 0; i < 1'000'001; ++i) stretch.labels.push_back(std::to_string(i));
  EXPECT_THROW(writer.add(stretch), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
