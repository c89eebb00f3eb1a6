#include "data/credentials.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <variant>

#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
namespace fs = std::filesystem;

class CredentialsTest : public ::testing::Test {
 protected:
  /// A file that its owner alone may read.
  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }
  Credentials headers(const std::string& text) const { return {write("headers", text), ""}; }
  Credentials netrc(const std::string& text) const { return {"", write("netrc", text)}; }

  static Credentials::Lines lines(const Credentials& credentials, const std::string& url) {
    return credentials.headers_for(std::get<Url>(parse_url(url)));
  }
  /// What reading a headers file says is wrong with it.
  std::string complaint(const std::string& text) const {
    try {
      headers(text);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing";
  }

  TemporaryFolder folder_;
};

TEST_F(CredentialsTest, AreForOneSchemeHostAndPort) {
  const Credentials credentials = headers(
      "# ours\r\n\r\n[https://Images.example.org]\r\nAuthorization: Bearer a b\r\n  X-Key:1:2 \r\n"
      "[plain.example.org:8443]\nX-Key: 2\n[http://10.0.0.7:9000/]\nX-Key: 3");
  EXPECT_THAT(lines(credentials, "https://images.example.org/a.jpg"),
              ElementsAre("Authorization: Bearer a b", "X-Key: 1:2"));
  EXPECT_THAT(lines(credentials, "https://IMAGES.example.org:443/b?c"),
              ElementsAre("Authorization: Bearer a b", "X-Key: 1:2"));
  EXPECT_THAT(lines(credentials, "https://plain.example.org:8443/"), ElementsAre("X-Key: 2"));
  EXPECT_THAT(lines(credentials, "http://10.0.0.7:9000/a"), ElementsAre("X-Key: 3"));
  for (const char* url :
       {"http://images.example.org/", "http://images.example.org:443/", "https://images.example.org:8443/",
        "https://example.org/", "https://x.images.example.org/", "https://images.example.org.evil.example/",
        "https://plain.example.org/", "http://10.0.0.7/", "https://10.0.0.7:9000/"})
    EXPECT_THAT(lines(credentials, url), IsEmpty()) << url;
}

TEST_F(CredentialsTest, TakeSecretsFromTheEnvironment) {
  ::setenv("CREDENTIALS_TEST_TOKEN", "from ${elsewhere}", 1);
  EXPECT_THAT(
      lines(headers("[a.example]\nX: <${CREDENTIALS_TEST_TOKEN}> ${CREDENTIALS_TEST_TOKEN}"), "https://a.example/"),
      ElementsAre("X: <from ${elsewhere}> from ${elsewhere}"));
  ::setenv("CREDENTIALS_TEST_TOKEN", "one\r\nX-Injected: two", 1);
  EXPECT_THAT(complaint("[a.example]\nX: ${CREDENTIALS_TEST_TOKEN}"),
              AllOf(HasSubstr("line 2: "), HasSubstr("control characters"), Not(HasSubstr("Injected"))));
  ::unsetenv("CREDENTIALS_TEST_TOKEN");
  EXPECT_THAT(complaint("[a.example]\nX: ${CREDENTIALS_TEST_TOKEN}"),
              HasSubstr("the environment has no CREDENTIALS_TEST_TOKEN"));
}

TEST_F(CredentialsTest, NameTheLineThatIsWrongButNotWhatIsInIt) {
  for (const char* line :
       {"Authorization: Bearer hunter2", "[a.example]\nhunter2", "[a.example]\nhunter 2: x", "[a.example]\n: hunter2",
        "[a.example]\nX-hunter2:", "[hunter2.example/path]\n", "[hunter2", "[http://user:hunter2@a.example]",
        "[ftp://hunter2]", "[]", "[a.example]\nHost: hunter2", "[a.example]\ntransfer-encoding: hunter2",
        "[a.example]\nX: ${hunter2", "[file:///hunter2/]"}) {
    EXPECT_THAT(complaint(line), HasSubstr("headers, line ")) << line;
    EXPECT_THAT(complaint(line), Not(HasSubstr("hunter"))) << line;
  }
}

TEST_F(CredentialsTest, RefuseAFileThatEverybodyCanReadOrThatIsNone) {
  const std::string file = write("headers", "[a.example]\nX: 1");
  fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
  EXPECT_NO_THROW(Credentials(file, ""));
  fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
  EXPECT_THROW(Credentials(file, ""), std::invalid_argument);
  EXPECT_THROW(Credentials("", file), std::invalid_argument);
  EXPECT_THROW(Credentials((folder_ / "missing").string(), ""), std::invalid_argument);
  EXPECT_THROW(Credentials(folder_.path().string(), ""), std::invalid_argument);
}

TEST_F(CredentialsTest, ReadANetrcForHttpsAlone) {
  const Credentials credentials = netrc(
      "# mine\nmachine Images.example.org login anna password pass:word\n"
      "machine images.example.org login other password other\n"
      "macdef init\ncd /tmp\nmachine macro.example login x password y\n\n"
      "machine \"b.example\"\n\tpassword \"two \\\"words\\\"\"\n\taccount none login bob\n"
      "machine c.example login nobody\ndefault login anonymous password everybody\n");
  // base64 by coreutils: printf 'anna:pass:word' | base64
  EXPECT_THAT(lines(credentials, "https://images.example.org/"),
              ElementsAre("Authorization: Basic YW5uYTpwYXNzOndvcmQ="));
  EXPECT_THAT(lines(credentials, "https://images.example.org:8443/"),
              ElementsAre("Authorization: Basic YW5uYTpwYXNzOndvcmQ="));
  EXPECT_THAT(lines(credentials, "https://b.example/"), ElementsAre("Authorization: Basic Ym9iOnR3byAid29yZHMi"));
  for (const char* url : {"http://images.example.org/", "https://c.example/", "https://d.example/",
                          "https://macro.example/", "https://x.images.example.org/"})
    EXPECT_THAT(lines(credentials, url), IsEmpty()) << url;
}

TEST_F(CredentialsTest, RefuseWhatIsNoNetrc) {
  EXPECT_THROW(netrc("machine a.example login"), std::invalid_argument);
  EXPECT_THROW(netrc("{\"token\": 1}"), std::invalid_argument);
}

TEST_F(CredentialsTest, LetASectionStandForTheNetrc) {
  const Credentials both(write("headers", "[a.example]\nX: 1"), write("netrc", "machine a.example login l password p"));
  EXPECT_THAT(lines(both, "https://a.example/"), ElementsAre("X: 1"));
  EXPECT_THAT(lines(both, "https://a.example:8443/"), ElementsAre(HasSubstr("Basic")));
}

}  // namespace
}  // namespace atelier
