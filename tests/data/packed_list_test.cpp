#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>
#include <zstd.h>

#include "base/files.h"
#include "data/manifest.h"
#include "data/unpack.h"
#include "tests/support/temporary_folder.h"

// Lists as .gz and .zst. Python's gzip and zstd's own library are what they are packed with.

namespace atelier {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Text that packs as lists do, and of which no two pieces are alike.
std::string rows_of_text(uint64_t rows) {
  std::string text;
  for (uint64_t row = 0; row < rows; ++row) text += fmt::format("http://host/{:016x}.jpg\n", row * 0x9e3779b97f4a7c15);
  return text;
}

std::string zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

class PackedListTest : public ::testing::Test {
 protected:
  PackedListTest() { ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1); }
  ~PackedListTest() override { ::unsetenv("XDG_CACHE_HOME"); }

  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  /// What Python's gzip makes of `text`: a member for every `member` bytes of it.
  std::string gzip(const std::string& text, size_t member = size_t{1} << 40) const {
    const std::string command = fmt::format(
        "python3 -c \"import gzip, sys; t = open(sys.argv[1], 'rb').read(); n = int(sys.argv[2]); "
        "open(sys.argv[3], 'wb').write(b''.join(gzip.compress(t[i:i + n]) for i in range(0, len(t), n)))\" {} {} {}",
        write("text", text).string(), member, (folder_ / "packed").string());
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read_file(folder_ / "packed");
  }
  std::string unpacked(const std::string& packed, Packing packing) const {
    std::string text;
    unpack(packed, packing, [&](std::string_view piece, double share) {
      text += piece;
      EXPECT_GE(share, 0);
      EXPECT_LE(share, 1);
    });
    return text;
  }
  /// The sentence that a list is refused with.
  std::string refusal(const fs::path& list) const {
    try {
      Manifest{list};
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  }
  void expect_nothing_left() const {
    for (const auto& item : fs::recursive_directory_iterator(folder_)) {
      const std::string name = item.path().filename().string();
      EXPECT_TRUE(name.find("unpacked") == std::string::npos || name.ends_with(".lock")) << item.path();
    }
  }
  /// How many times the progress was told: 0 when nothing was unpacked or read.
  static int pieces_read(const fs::path& list, bool verify = false) {
    int pieces = 0;
    Manifest(list, {.verify = verify, .progress = [&](double share) {
                      ++pieces;
                      EXPECT_GE(share, 0);
                      EXPECT_LE(share, 1);
                    }});
    return pieces;
  }
  static ino_t inode_of(const fs::path& file) {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0);
    return status.st_ino;
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(PackedListTest, IsTheListThatWasPacked) {
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"a.txt", "# chairs\nsub/1.jpg\nhttp://h/2.jpg\n"},
           {"a.csv", "url,label\nsub/1.jpg,sofa\nhttp://h/2.jpg,\"a, bed\"\n"},
           {"a.tsv", "label\turl\nsofa\tsub/1.jpg\nbed\thttp://h/2.jpg\n"},
           {"a.jsonl", "{\"url\":\"sub/1.jpg\"}\n{\"url\":\"http://h/2.jpg\",\"label\":\"bed\"}"}}) {
    const Manifest plain(write(name, text));
    for (const auto& [ending, packed] : {std::pair{".gz", gzip(text)}, std::pair{".zst", zstd(text)}}) {
      const Manifest list(write(name + ending, packed));
      ASSERT_EQ(list.size(), 2u);
      EXPECT_EQ(list.entry(0).url, (folder_ / "sub" / "1.jpg").string());
      EXPECT_EQ(list.entry(1).url, "http://h/2.jpg");
      EXPECT_EQ(list.labels(), plain.labels());
      EXPECT_EQ(list.sha256(), plain.sha256());
      EXPECT_EQ(read_file(list.text_file()), text);
      EXPECT_EQ(list.text_file(), folder_ / (name + ending + ".unpacked") / name);
    }
  }
}

TEST_F(PackedListTest, MayHaveAnyLength) {
  for (const size_t bytes : {size_t{1} << 20, size_t{2} << 20, (size_t{1} << 20) + 1, (size_t{1} << 20) - 1}) {
    std::string text = rows_of_text(200'000).substr(0, bytes);
    text.back() = '\n';
    ASSERT_EQ(text.size(), bytes);
    for (const auto& [name, packed] : {std::pair{"long.txt.gz", gzip(text)}, std::pair{"long.txt.zst", zstd(text)}})
      EXPECT_EQ(read_file(Manifest(write(name, packed)).text_file()), text) << name << " " << bytes;
  }
}

TEST_F(PackedListTest, MembersAndFramesFollowOneAnother) {
  const std::string text = rows_of_text(50'000);
  for (const size_t member : {1'999, 70'000, 1'300'000})
    EXPECT_TRUE(unpacked(gzip(text, member), Packing::kGzip) == text) << member;
  std::string frames;
  for (size_t i = 0; i < text.size(); i += 70'001) frames += zstd(text.substr(i, 70'001));
  EXPECT_TRUE(unpacked(frames, Packing::kZstd) == text);
}

TEST_F(PackedListTest, IsUnpackedOnlyOnce) {
  const std::string text = rows_of_text(700'000);  // over 16 MiB, so that it has an index as well
  const fs::path list = write("list.txt.gz", gzip(text));
  EXPECT_GT(pieces_read(list), 20);
  EXPECT_EQ(pieces_read(list), 0);
  const fs::path file = Manifest(list).text_file();
  const ino_t first = inode_of(file);
  EXPECT_EQ(Manifest(list).entry(654'321).url + "\n", text.substr(654'321 * 33, 33));
  EXPECT_GT(pieces_read(list, /*verify=*/true), 20);
  EXPECT_NE(inode_of(file), first) << "anew, when asked for";

  fs::last_write_time(list, fs::last_write_time(list) + std::chrono::seconds(1));
  EXPECT_GT(pieces_read(list), 0) << "another time";
  EXPECT_EQ(pieces_read(list), 0);
  fs::resize_file(file, fs::file_size(file) - 33);
  EXPECT_EQ(Manifest(list).size(), 700'000u) << "what was unpacked has been cut";
  write("list.txt.gz.unpacked/packed.json", "[]");
  EXPECT_GT(pieces_read(list), 0) << "nobody knows what was unpacked";
  write("list.txt.gz", gzip("http://h/other.jpg\n"));
  EXPECT_EQ(Manifest(list).entry(0).url, "http://h/other.jpg");
}

TEST_F(PackedListTest, OneThatIsCutShortIsRefusedAndLeavesNothing) {
  const std::string text = rows_of_text(3'000);
  for (const auto& [name, packed] : {std::pair{"list.txt.gz", gzip(text)}, std::pair{"list.txt.zst", zstd(text)}}) {
    for (size_t bytes = 1; bytes < packed.size(); bytes = bytes < 40 ? bytes + 1 : bytes + 997)
      EXPECT_THAT(refusal(write(name, packed.substr(0, bytes))), HasSubstr(": cut short: it ends inside")) << bytes;
    EXPECT_THAT(refusal(write(name, packed.substr(0, packed.size() - 1))), HasSubstr("cut short"));
    EXPECT_THAT(refusal(write(name, "")), HasSubstr("empty; fetch or pack it again"));
  }
  expect_nothing_left();
}

TEST_F(PackedListTest, ADamagedOneIsRefusedAndLeavesNothing) {
  const std::string text = rows_of_text(3'000), gz = gzip(text), zst = zstd(text);
  for (size_t offset = gz.size() / 10; offset < gz.size(); offset += gz.size() / 10) {
    std::string changed = gz;
    changed[offset] = static_cast<char>(changed[offset] ^ 0x10);
    EXPECT_THAT(refusal(write("list.txt.gz", changed)), ::testing::AnyOf(HasSubstr("damaged"), HasSubstr("cut short")));
  }
  EXPECT_THAT(refusal(write("list.txt.gz", zst)), HasSubstr("list.txt.gz: damaged gzip data near byte"));
  EXPECT_THAT(refusal(write("list.txt.gz", gz + "more")), ::testing::AnyOf(HasSubstr("damaged"), HasSubstr("cut")));
  EXPECT_THAT(refusal(write("list.txt.zst", gz)), HasSubstr("damaged zstd data near byte 0"));
  expect_nothing_left();
}

TEST_F(PackedListTest, OneThatGrowsBeyondAllMeasureIsRefused) {
  const std::string bomb = zstd(std::string(size_t{80} << 20, '\n'));
  ASSERT_LT(bomb.size(), 20'000u);
  EXPECT_THAT(refusal(write("list.txt.zst", bomb)), HasSubstr("list.txt.zst: more than 1000 times as large"));
  expect_nothing_left();
}

TEST_F(PackedListTest, GoesToTheCacheFolderWhereTheListsCannotBeWritten) {
  fs::create_directories(folder_ / ".list.txt.gz.unpacked.lock");  // in the way, also of root
  const fs::path list = write("list.txt.gz", gzip("pictures/1.jpg\n"));
  const Manifest manifest(list);
  EXPECT_EQ(manifest.text_file().parent_path().parent_path(), folder_ / "cache" / "atelier");
  EXPECT_EQ(manifest.entry(0).url, (folder_ / "pictures" / "1.jpg").string());
  const ino_t first = inode_of(manifest.text_file());
  EXPECT_EQ(inode_of(Manifest(list).text_file()), first);
  fs::remove_all(folder_ / "cache");
  write("cache", "no folder");
  EXPECT_THAT(refusal(list), HasSubstr("list.txt.gz: cannot be unpacked: "));
}

TEST_F(PackedListTest, ProcessesThatStartTogetherShareOne) {
  const fs::path list = write("list.txt.gz", gzip(rows_of_text(400'000)));
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      bool unpacks = false;
      const Manifest manifest(
          list, {.verify = false, .progress = [&](double share) { unpacks |= share > 0 && share < 0.5; }});
      ::_exit(manifest.size() != 400'000 ? 2 : unpacks ? 1 : 0);
    }
    children.push_back(child);
  }
  std::vector<int> codes;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
  std::sort(codes.begin(), codes.end());
  EXPECT_THAT(codes, ElementsAre(0, 0, 0, 1));
}

TEST_F(PackedListTest, MistakesInItAreNamedByItsOwnName) {
  EXPECT_THAT(refusal(write("list.csv.gz", gzip("url,label\nhttp://h/1,a\n,b\n"))), HasSubstr("list.csv.gz:3: no url"));
  EXPECT_THAT(refusal(write("list.csv.zst", zstd("picture\n"))), HasSubstr("list.csv.zst: the header has no column"));
  EXPECT_THAT(refusal(write("list.gz", gzip("http://h/1\n"))), HasSubstr("such as list.csv.gz or list.jsonl.zst"));
  EXPECT_THAT(refusal(folder_ / "none.txt.gz"), HasSubstr("none.txt.gz"));
}

}  // namespace
}  // namespace atelier
