// Local files through HttpSource.

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fetcher.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using test::body;
using test::failure;
using test::Fetcher;

class LocalFiles : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  static HttpLimits small() { return {.max_bytes = 1000}; }

  const TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
};

TEST_F(LocalFiles, AreReadByPathAndByFileUrl) {
  Fetcher fetcher(small());
  const std::string path = write("a chair.png", "pixels");
  EXPECT_EQ(body(fetcher.fetch(path)), "pixels");
  EXPECT_EQ(body(fetcher.fetch("file://" + folder_.string() + "/a%20chair.png")), "pixels");
  EXPECT_EQ(body(fetcher.fetch(write("empty", ""))), "");
  EXPECT_EQ(body(fetcher.fetch(write("full", std::string(1000, 'x')))), std::string(1000, 'x'));
}

TEST_F(LocalFiles, AreReadInPart) {
  Fetcher fetcher(small());
  std::string text(5000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 256);
  const std::string path = write("0.tar", text);
  EXPECT_EQ(body(fetcher.fetch(path + "#bytes=0-0")), text.substr(0, 1));
  EXPECT_EQ(body(fetcher.fetch(path + "#bytes=1500-2499")), text.substr(1500, 1000));
  EXPECT_EQ(body(fetcher.fetch("file://" + path + "#bytes=4999-4999")), text.substr(4999));
  EXPECT_EQ(failure(fetcher.fetch(path + "#bytes=1500-2500")).fault, Fault::kTooLargeByHead);
  EXPECT_EQ(failure(fetcher.fetch(path + "#bytes=4990-5000")).fault, Fault::kTruncated);
  EXPECT_EQ(failure(fetcher.fetch(path + "#bytes=9000-9000")).fault, Fault::kTruncated);
  EXPECT_EQ(failure(fetcher.fetch(path + "#bytes=9-8")).fault, Fault::kBadUrl);
  EXPECT_EQ(failure(fetcher.fetch(folder_.string() + "#bytes=0-1")).fault, Fault::kMissingFile);
}

TEST_F(LocalFiles, OverTheCapAreRefusedUnread) {
  Fetcher fetcher(small());
  const Answer answer = fetcher.fetch(write("big", std::string(1001, 'x')));
  EXPECT_EQ(failure(answer).fault, Fault::kTooLargeByHead);
  EXPECT_FALSE(failure(answer).transient);
}

TEST_F(LocalFiles, WithoutAnHonestSizeAreReadToTheirEndOrToTheCap) {
  // /proc says that its files have 0 bytes.
  EXPECT_FALSE(body(Fetcher({.max_bytes = 1 << 20}).fetch("/proc/self/status")).empty());
  EXPECT_EQ(failure(Fetcher({.max_bytes = 10}).fetch("/proc/self/status")).fault, Fault::kTooLargeInBody);
}

TEST_F(LocalFiles, ThatAreMissingFoldersPipesOrDevicesAreFailuresAtOnce) {
  Fetcher fetcher(small());
  const std::string pipe = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {folder_.string() + "/none", folder_.string(), pipe, std::string("/dev/zero")}) {
    const Answer answer = fetcher.fetch(path);
    EXPECT_EQ(failure(answer).fault, Fault::kMissingFile) << path;
    EXPECT_FALSE(failure(answer).transient) << path;
  }
}

}  // namespace
}  // namespace atelier
