// Folders and tars as lists: what open_list makes of them, keeps, notices and refuses.

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

#include "base/files.h"
#include "data/open_source.h"
#include "tests/data/tar_fixture.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class DerivedListTest : public ::testing::Test {
 protected:
  DerivedListTest() { use_cache("cache"); }
  ~DerivedListTest() override { ::unsetenv("XDG_CACHE_HOME"); }

  void use_cache(const std::string& name) const { ::setenv("XDG_CACHE_HOME", (folder_ / name).c_str(), 1); }

  std::string write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return (folder_ / name).string();
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::shared_ptr<const Manifest> open(const std::string& list, bool verify = false) {
    DataConfig data;
    data.list = list;
    data.allow_private = true;
    data.verify_list = verify;
    data.sample_deadline = 1;
    warning_.clear();
    return open_list(data, {}, [this](const std::string& sentence) { warning_ = sentence; });
  }
  std::string complaint(const std::string& list) {
    try {
      open(list);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return {};
  }
  static std::vector<std::string> urls(const Manifest& list) {
    std::vector<std::string> all;
    for (uint64_t row = 0; row < list.size(); ++row) all.push_back(list.entry(row).url);
    return all;
  }
  /// Makes every list two hours old.
  void grow_old() const {
    for (const auto& item : fs::recursive_directory_iterator(folder_))
      if (item.path().extension() == ".jsonl")
        fs::last_write_time(item.path(), fs::last_write_time(item.path()) - std::chrono::hours(2));
  }
  size_t kept(const std::string& ending) const {
    size_t count = 0;
    for (const auto& item : fs::recursive_directory_iterator(folder_))
      count += item.path().filename().string().ends_with(ending);
    return count;
  }

  /// A tar of one sample for each label.
  static std::string tar_of(const std::vector<std::string>& labels) {
    std::string tar;
    for (const std::string& label : labels)
      tar += tar_member("k" + label + ".jpg", "image of " + label) + tar_member("k" + label + ".cls", label);
    return tar + kTarEnd;
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  std::string warning_;
};

class FolderListTest : public DerivedListTest {};
class TarListTest : public DerivedListTest {};

TEST_F(FolderListTest, HoldsEveryImageBelowSortedWithTheFirstFolderAsLabel) {
  for (const char* name :
       {"f/chair/2.JPG", "f/chair/1.jpeg", "f/chair-old.png", "f/bed/deep/down/3.webp", "f/bed/notes.txt",
        "f/new/4.avif", "f/new/5.JXL", "f/new/6.tif", "f/new/7.TIFF", "f/new/8.bmp", "f/new/9.gif", "f/new/jpg",
        "f/.hidden/4.jpg", "f/bed/.5.jpg", "f/chair/6.jpg.part", "elsewhere/7.jpg", "elsewhere/8"})
    write(name, name);
  fs::create_symlink(folder_ / "elsewhere" / "7.jpg", folder_ / "f" / "bed" / "link.jpg");
  fs::create_symlink(folder_ / "elsewhere", folder_ / "f" / "folder-link");
  fs::create_symlink(folder_ / "f", folder_ / "f" / "bed" / "around.jpg");
  fs::create_symlink(folder_ / "nowhere", folder_ / "f" / "dangling.jpg");
  fs::create_directories(folder_ / "f" / "a folder.jpg");
  const auto list = open(path("f"));
  EXPECT_THAT(urls(*list),
              ElementsAre(path("f/bed/deep/down/3.webp"), path("f/bed/link.jpg"), path("f/chair-old.png"),
                          path("f/chair/1.jpeg"), path("f/chair/2.JPG"), path("f/new/4.avif"), path("f/new/5.JXL"),
                          path("f/new/6.tif"), path("f/new/7.TIFF"), path("f/new/8.bmp")));
  EXPECT_THAT(list->labels(), ElementsAre("bed", "chair", "new"));
  EXPECT_EQ(list->label_index(2), -1);
  EXPECT_EQ(list->label_index(4), 1);
  EXPECT_EQ(list->entry(4).group, "chair/2.JPG");
}

TEST_F(FolderListTest, IsTheSameListWhereverTheFolderIs) {
  write("f/bed/1.jpg", "");
  write("f/bed/2.jpg", "");
  const std::string before = open(path("f"))->sha256();
  EXPECT_EQ(open(path("f") + "/")->sha256(), before);
  fs::create_directories(folder_ / "moved");
  fs::rename(folder_ / "f", folder_ / "moved" / "g");
  use_cache("another cache");
  const auto list = open(path("moved/g"));
  EXPECT_EQ(list->sha256(), before);
  EXPECT_EQ(list->entry(0).url, path("moved/g/bed/1.jpg"));
  write("moved/g/bed/3.jpg", "");
  EXPECT_NE(open(path("moved/g"))->sha256(), before);
  EXPECT_EQ(open(path("moved/g"))->size(), 3u);
}

TEST_F(FolderListTest, KeepsOneListAFolder) {
  for (int i = 0; i < 3; ++i) {
    write("f/" + std::to_string(i) + ".png", "");
    EXPECT_EQ(open(path("f"))->size(), static_cast<uint64_t>(i + 1));
    EXPECT_EQ(kept(".jsonl"), 1u);
    grow_old();
  }
  write("g/1.png", "");
  open(path("g"));
  EXPECT_EQ(kept(".jsonl"), 2u);
  EXPECT_FALSE(fs::exists(folder_ / "f" / ".index"));
  write("g/2.png", "");
  open(path("g"));
  EXPECT_EQ(kept(".jsonl"), 3u) << "another process may be about to open a list that is not an hour old";
}

TEST_F(FolderListTest, WithoutAnImageOrWithANameThatNoListHoldsIsOneSentence) {
  write("f/notes.txt", "");
  EXPECT_THAT(complaint(path("f")), StartsWith(path("f") + " is a folder without an image"));
  write("f/a\nb.png", "");
  EXPECT_THAT(complaint(path("f")), HasSubstr(R"("a\nb.png" is not UTF-8, or has a control character)"));
  fs::remove(folder_ / "f" / "a\nb.png");
  write("f/\xff.png", "");
  EXPECT_THAT(complaint(path("f")), HasSubstr("rename it"));
  fs::remove(folder_ / "f" / "\xff.png");
  write("f/a#bytes=0-9.png", "");
  EXPECT_THAT(complaint(path("f")), HasSubstr("a#bytes=0-9.png would be read as a part of a file"));
}

TEST_F(TarListTest, HasARowASampleWhoseUrlIsItsPlace) {
  write("s/00.tar", tar_of({"bed", "chair"}));
  write("s/01.tar", tar_member("1.png", "other") + tar_member("1.txt", "a \"sofa\"") +
                        tar_member("1.json", R"({"licence":"CC0","group":"g"})") +
                        tar_member("1.condition.jpg", "sketch") + kTarEnd);
  const auto list = open(path("s/{00..01}.tar"));
  EXPECT_THAT(urls(*list), ElementsAre(path("s/00.tar#bytes=512-523"), path("s/00.tar#bytes=2560-2573"),
                                       path("s/01.tar#bytes=512-516")));
  EXPECT_THAT(list->labels(), ElementsAre("bed", "chair"));
  EXPECT_EQ(list->label_index(2), -1);
  EXPECT_EQ(list->entry(2).caption, "a \"sofa\"");
  EXPECT_EQ(list->entry(2).licence, "CC0");
  EXPECT_EQ(list->entry(2).group, "g");
  EXPECT_EQ(list->entry(0).group, "kbed");
  EXPECT_EQ(list->entry(2).condition_url, path("s/01.tar#bytes=3584-3589"));
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(urls(*open(path("s/01.tar"))).size(), 1u);
  EXPECT_EQ(urls(*open("file://" + path("s/01.tar"))).front(), "file://" + path("s/01.tar#bytes=512-516"));
}

TEST_F(TarListTest, IsTheSameListWhereverTheTarsAre) {
  write("s/a/0.tar", tar_of({"bed"}));
  write("s/a/1.tar", tar_of({"sofa"}));
  const std::string before = open(path("s/{a,a}/{0..1}.tar"))->sha256();
  fs::rename(folder_ / "s", folder_ / "t");
  use_cache("another cache");
  EXPECT_EQ(open(path("t/{a,a}/{0..1}.tar"))->sha256(), before);
  const fs::path here = fs::current_path();
  fs::current_path(folder_ / "t");
  const auto list = open("{a,a}/{0..1}.tar");
  const std::string url = list->entry(0).url;
  fs::current_path(here);
  EXPECT_EQ(list->sha256(), before);
  EXPECT_EQ(url, fs::weakly_canonical(folder_ / "t").string() + "/a/0.tar#bytes=512-523");
  EXPECT_NE(open(path("t/a/{0,1}.tar"))->sha256(), before) << "other names";
}

TEST_F(TarListTest, IsReadOnceAndAnewWhenATarHasChanged) {
  const std::string tar = write("0.tar", tar_of({"bed", "sofa"}));
  const std::string before = open(tar)->sha256();
  ASSERT_TRUE(fs::exists(tar + ".index"));
  const auto made = fs::last_write_time(tar + ".index");
  EXPECT_EQ(open(tar)->sha256(), before);
  EXPECT_EQ(fs::last_write_time(tar + ".index"), made) << "made again without need";

  grow_old();
  write("0.tar", tar_of({"bed", "desk"}));
  fs::last_write_time(tar, fs::last_write_time(tar) + std::chrono::seconds(1));
  EXPECT_THAT(open(tar)->labels(), ElementsAre("bed", "desk"));
  grow_old();
  write("0.tar", tar_of({"bed", "desk", "lamp"}));
  EXPECT_EQ(open(tar)->size(), 3u);
  grow_old();
  write("0.tar", tar_of({"bed", "sofa"}));
  EXPECT_EQ(open(tar)->sha256(), before);
  EXPECT_EQ(kept(".jsonl"), 1u);
}

TEST_F(TarListTest, AnIndexThatIsDamagedIsMadeAgain) {
  const std::string tar = write("0.tar", tar_of({"bed", "sofa"}));
  const std::string before = open(tar)->sha256();
  const std::string index = read_file(tar + ".index");
  for (size_t at = 0; at < index.size(); at += 17) {
    std::string damaged = index;
    damaged[at] = static_cast<char>(damaged[at] ^ 2);
    std::ofstream(tar + ".index", std::ios::binary) << damaged;
    ASSERT_EQ(open(tar)->sha256(), before) << at;
    std::ofstream(tar + ".index", std::ios::binary) << index.substr(0, at);
    ASSERT_EQ(open(tar)->sha256(), before) << at;
    ASSERT_EQ(read_file(tar + ".index"), index) << at;
  }
}

/// Of an Atelier that did not know every kind of image.
TEST_F(TarListTest, AnIndexOfAnEarlierFormatIsMadeAnew) {
  const std::string tar = write("0.tar", tar_of({"bed", "sofa"}));
  const std::string before = open(tar)->sha256();
  const std::string index = read_file(tar + ".index");
  std::string body = index.substr(index.find('\n') + 1);
  body.erase(body.find('\n', body.find('\n') + 1) + 1);  // one sample
  const size_t format = body.find("atelier tar index ") + std::string("atelier tar index ").size();
  body[format] = '1';
  std::ofstream(tar + ".index", std::ios::binary) << sha256_hex(body) << "\n" << body;
  EXPECT_EQ(open(tar)->sha256(), before);
  EXPECT_EQ(read_file(tar + ".index"), index);
}

TEST_F(TarListTest, VerifyReadsTheTarAgain) {
  const std::string tar = write("0.tar", tar_of({"bed", "sofa"}));
  open(tar);
  const auto time = fs::last_write_time(tar);
  grow_old();
  write("0.tar", tar_of({"bed", "desk"}));
  fs::last_write_time(tar, time);
  EXPECT_THAT(open(tar)->labels(), ElementsAre("bed", "sofa")) << "size and time are the same";
  EXPECT_THAT(open(tar, true)->labels(), ElementsAre("bed", "desk"));
  EXPECT_THAT(open(tar)->labels(), ElementsAre("bed", "desk"));
}

TEST_F(TarListTest, AnIndexThatCannotStandBesideItGoesToTheCache) {
  const std::string tar = write("0.tar", tar_of({"bed", "sofa"}));
  fs::create_directories(tar + ".index/in the way");
  EXPECT_EQ(open(tar)->size(), 2u);
  EXPECT_EQ(kept("-0.tar.index"), 1u);
  EXPECT_EQ(open(tar)->size(), 2u);
}

TEST_F(TarListTest, TellsWhatIsLeftOut) {
  write("0.tar", tar_of({"bed"}));
  write("1.tar", tar_member("1.txt", "alone") + tar_member("2.jpg", "x") + tar_member("2.cls", "\xff") +
                     tar_member("3.jpg", "y") + kTarEnd);
  for (int time = 0; time < 2; ++time) {  // the second from the index
    EXPECT_EQ(open(path("{0,1}.tar"))->size(), 2u);
    EXPECT_EQ(warning_, path("{0,1}.tar") +
                            ": samples left out: 1 without an image, 1 whose .cls, .txt or .json "
                            "cannot be read, the first in 1.tar at byte 2560: not UTF-8");
  }
}

TEST_F(TarListTest, WhatIsWrongIsOneSentence) {
  write("good.tar", tar_of({"bed"}));
  EXPECT_EQ(complaint(path("none.tar")), path("none.tar") + ": No such file or directory; check the path");
  fs::create_directories(folder_ / "folder.tar");
  EXPECT_THAT(complaint(path("{good,folder}.tar")), HasSubstr("folder.tar: that is no file"));
  EXPECT_THAT(complaint(path("{00..01.tar")), HasSubstr("a brace opens and never closes"));
  EXPECT_THAT(complaint(path("0.tar.gz")), HasSubstr("is compressed; unpack it"));
  EXPECT_THAT(complaint(path("{0,1}.tgz")), HasSubstr("0.tgz is compressed; unpack it"));
  write("zipped.tar", "\x1f\x8b\x08" + std::string(2000, 'z'));
  EXPECT_EQ(complaint(path("zipped.tar")),
            path("zipped.tar") + ": at byte 0: it is compressed by gzip; unpack it to a plain tar");
  EXPECT_THAT(complaint(path("{good.tar,list.jsonl}")), HasSubstr("list.jsonl is no .tar as the others are"));
  write("empty.tar", "");
  EXPECT_THAT(complaint(path("empty.tar")), StartsWith(path("empty.tar") + ": at byte 0: the file ends"));
  write("text.tar", tar_member("1.txt", "alone") + kTarEnd);
  EXPECT_THAT(complaint(path("text.tar")), HasSubstr("no sample with an image"));
  write("nothing.tar", kTarEnd);
  EXPECT_THAT(complaint(path("nothing.tar")), StartsWith(path("nothing.tar") + ": no sample with an image"));
  EXPECT_EQ(kept(".jsonl"), 0u);
}

TEST_F(TarListTest, OfSeveralBadTarsTheFirstIsTold) {
  for (int i = 0; i < 40; ++i) write("s/" + std::to_string(i) + ".tar", i < 17 || i == 20 ? tar_of({"bed"}) : "no tar");
  for (int time = 0; time < 20; ++time) EXPECT_THAT(complaint(path("s/{0..39}.tar")), StartsWith(path("s/17.tar: ")));
}

TEST_F(TarListTest, AFileWhoseNameHasBracesIsItself) {
  const std::string tar = write("odd{1,2}.tar", tar_of({"bed"}));
  EXPECT_THAT(urls(*open(tar)), ElementsAre(tar + "#bytes=512-523"));
}

TEST_F(TarListTest, AProgressThatThrowsEndsTheReading) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  DataConfig data;
  data.list = server.url("/{0..99}.tar");
  data.allow_private = true;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(open_list(data,
                         [&](double) {
                           if (!server.requests().empty()) throw std::logic_error("enough");
                         }),
               std::logic_error);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

// Tars on servers.

TEST_F(TarListTest, OnAServerIsReadInPartsAndLookedAtAgainByOneBlock) {
  std::string large;
  for (int i = 0; i < 40; ++i)
    large += tar_member(std::to_string(i) + ".jpg", std::string(100'000, 'a' + static_cast<char>(i % 26)));
  large += tar_member("big.jpg", std::string(2'000'000, 'b')) + tar_member("last.jpg", "c") + kTarEnd;
  const std::string small = tar_of({"bed"});
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    reply.send_file(request, request.path == "/0.tar" ? large : small, {"ETag: \"1\""});
  });
  const std::string pattern = server.url("/{0..1}.tar");
  const auto list = open(pattern);
  ASSERT_EQ(list->size(), 43u);
  EXPECT_EQ(list->entry(0).url, server.url("/0.tar#bytes=512-100511"));
  EXPECT_EQ(list->entry(42).url, server.url("/1.tar#bytes=512-523"));
  const int first_contact = server.count("GET");
  EXPECT_LT(first_contact, 25) << "hops over what is longer than a window, reads on over the rest";
  EXPECT_EQ(server.count("HEAD"), 0);
  EXPECT_EQ(open(pattern)->sha256(), list->sha256());
  EXPECT_EQ(server.count("GET"), first_contact + 2);
}

TEST_F(TarListTest, OnAServerThatHasChangedIsReadAgain) {
  const std::string tars[] = {tar_of({"bed"}), tar_of({"rug"})};
  std::atomic<size_t> tar = 0, tag = 1;
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    reply.send_file(request, tars[tar], {fmt::format("ETag: \"{}\"", tag.load())});
  });
  EXPECT_THAT(open(server.url("/0.tar"))->labels(), ElementsAre("bed"));
  tar = 1;
  EXPECT_THAT(open(server.url("/0.tar"))->labels(), ElementsAre("bed")) << "the server says it is the same";
  tag = 2;
  EXPECT_THAT(open(server.url("/0.tar"))->labels(), ElementsAre("rug"));
}

TEST_F(TarListTest, AServerThatIsBusyForAMomentIsAskedAgain) {
  const std::string tar = tar_of({"bed"});
  std::atomic<int> times = 0;
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    if (times++ % 2 == 0) return void(reply.send_answer(500, ""));
    reply.send_file(request, tar);
  });
  EXPECT_EQ(open(server.url("/0.tar"))->size(), 1u);
}

TEST_F(TarListTest, WhatIsWrongWithAServerIsOneSentence) {
  const std::string tar = tar_of({"bed"});
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/whole.tar") return void(reply.send_answer(200, tar));
    if (request.path == "/none.tar") return void(reply.send_answer(404, ""));
    if (request.path == "/short.tar") return void(reply.send_file(request, tar.substr(0, 100)));
    if (request.path == "/cut.tar") return void(reply.send_file(request, tar.substr(0, 1000)));
    if (request.path == "/busy.tar") return void(reply.send_answer(503, ""));
    reply.send_answer(206, tar.substr(0, 512), {"Content-Range: bytes 0-511/*"});
  });
  EXPECT_EQ(complaint(server.url("/whole.tar")),
            server.url("/whole.tar") + ": HTTP 200 to GET: the server ignores byte ranges");
  EXPECT_EQ(complaint(server.url("/none.tar")), server.url("/none.tar") + ": HTTP 404 to GET");
  EXPECT_THAT(complaint(server.url("/short.tar")), HasSubstr("Content-Range is \"bytes 0-99/100\""));
  EXPECT_THAT(complaint(server.url("/cut.tar")), HasSubstr("at byte 1000: the file ends before"));
  EXPECT_THAT(complaint(server.url("/star.tar")), HasSubstr("does not say how long it is"));
  EXPECT_THROW(open(server.url("/busy.tar")), std::runtime_error);
}

}  // namespace
}  // namespace atelier::test
