#include "data/url.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

Url good(const std::string& text) { return std::get<Url>(parse_url(text)); }
bool bad(const std::string& text) {
  const auto parsed = parse_url(text);
  const auto* failure = std::get_if<Failure>(&parsed);
  return failure != nullptr && failure->fault == Fault::kBadUrl && !failure->detail.empty() && !failure->transient;
}

TEST(Url, NamesTheHostAndPortThatServeIt) {
  EXPECT_EQ(good("http://Example.org/a.jpg").host, "example.org:80");
  EXPECT_EQ(good("https://example.org/a.jpg?x=1").host, "example.org:443");
  EXPECT_EQ(good("http://example.org:8080/").host, "example.org:8080");
  EXPECT_EQ(good("http://[::1]:81/").host, "[::1]:81");
  EXPECT_FALSE(good("http://example.org/").local);
}

TEST(Url, EncodesWhatPeopleTypeIntoLists) {
  EXPECT_EQ(good("http://example.org/red chair.jpg").target, "http://example.org/red%20chair.jpg");
  EXPECT_EQ(good("http://example.org/a%20b.jpg").target, "http://example.org/a%20b.jpg");
  EXPECT_EQ(good("http://example.org/st\xc3\xbchl.jpg").target, "http://example.org/st%c3%bchl.jpg");
}

TEST(Url, TakesFileUrlsAndPathsAsLocalFiles) {
  EXPECT_TRUE(good("file:///tmp/a%20b.png").local);
  EXPECT_EQ(good("file:///tmp/a%20b.png").target, "/tmp/a b.png");
  EXPECT_EQ(good("file://localhost/tmp/a.png").target, "/tmp/a.png");
  EXPECT_EQ(good("/tmp/100%25 wool.png").target, "/tmp/100%25 wool.png");
  EXPECT_EQ(good("images/a.png").target, "images/a.png");
}

TEST(Url, ShowsNoCredentials) {
  EXPECT_EQ(without_credentials("http://bob:secret@h:81/a.png?x=y@z"), "http://***@h:81/a.png?x=y@z");
  EXPECT_EQ(without_credentials("https://a@b@h"), "https://***@h");
  for (const char* url : {"http://h/a@b.png", "https://h?u=a@b", "/files/a@b.png", "file:///a@b", "http://h"})
    EXPECT_EQ(without_credentials(url), url);
}

TEST(Url, NamesAPartOfAFile) {
  EXPECT_EQ(good("/d/0.tar#bytes=512-1023").range, (ByteRange{512, 1023}));
  EXPECT_EQ(good("/d/0.tar#bytes=512-1023").target, "/d/0.tar");
  EXPECT_EQ(good("http://h/0.tar?key=1#bytes=0-0").target, "http://h/0.tar?key=1");
  EXPECT_EQ(good("http://h/0.tar#bytes=0-0").range->size(), 1u);
  EXPECT_EQ(good("file:///d/a%20b.tar#bytes=7-9").target, "/d/a b.tar");
  EXPECT_EQ(good("0.tar#bytes=0-4611686018427387903").range->size(), uint64_t{1} << 62);
  EXPECT_FALSE(good("http://h/a.jpg#top").range) << "another fragment";
  EXPECT_EQ(good("pictures/no#5.jpg").target, "pictures/no#5.jpg");
  for (const char* part : {"", "5", "-5", "5-", "5-4", "a-b", "0x1-5", "1 -5", "1-5 ", "+1-5", "1-2,4-5", "1-2#",
                           "0-4611686018427387904", "0-99999999999999999999"}) {
    EXPECT_TRUE(bad(std::string("/d/0.tar#bytes=") + part)) << part;
    EXPECT_TRUE(bad(std::string("http://h/0.tar#bytes=") + part)) << part;
  }
  EXPECT_TRUE(bad("#bytes=0-1"));
}

TEST(Url, RefusesWhatItCannotOrWillNotFetch) {
  for (const char* text :
       {"", "ftp://example.org/a.jpg", "gopher://example.org/", "data://text", "http://", "://x",
        "http://user:secret@example.org/a.jpg", "http://user@example.org/", "http://example.org:99999/",
        "http://exa mple.org/", "file://server/share/a.jpg", "file:///tmp/a%00b", "http://[::1/"})
    EXPECT_TRUE(bad(text)) << text;
  EXPECT_TRUE(bad(std::string("http://a/\0b", 11)));
}

}  // namespace
}  // namespace atelier
