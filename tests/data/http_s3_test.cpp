// s3:// urls, against a server on the loopback that checks every signature by itself (tests/support/sigv4.h).

#include <atomic>
#include <ctime>
#include <exception>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <stdexcept>
#include <string>

#include "data/open_source.h"
#include "tests/data/http_fixture.h"
#include "tests/data/s3_fixture.h"
#include "tests/data/stream_fixture.h"
#include "tests/data/tar_fixture.h"
#include "tests/support/sigv4.h"

namespace atelier::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const S3User kUser = {"AKIDEXAMPLE", "hunter2+/secret=", "eu-central-1"};

std::string page_of(const std::string& code) {
  return "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>no hunter2</Message></Error>";
}

/// Objects, by "/bucket/key" as bytes, for whoever signs.
LoopbackServer::Handler s3_of(std::map<std::string, std::string> objects, S3User user = kUser) {
  return [objects = std::move(objects), user = std::move(user)](const HttpRequest& request, HttpReply& reply) {
    if (const std::string code = verify_sigv4(request, user, std::time(nullptr)); !code.empty()) {
      reply.send_answer(code == "ExpiredToken" ? 400 : 403, page_of(code));
      return;
    }
    const auto found = objects.find(decoded_path(request.path));
    if (found == objects.end()) return void(reply.send_answer(404, page_of("NoSuchKey")));
    reply.send_file(request, found->second);
  };
}

LoopbackServer::Handler refusing(int status, std::string code, std::vector<std::string> headers = {}) {
  return [=](const HttpRequest&, HttpReply& reply) { reply.send_answer(status, page_of(code), headers); };
}

class HttpS3Test : public ::testing::Test {
 protected:
  HttpS3Test() {
    aws_.set_keys(kUser.key_id, kUser.secret);
    aws_.set("AWS_REGION", kUser.region);
  }
  Answer fetch_from(const LoopbackServer& server, const std::string& url, const HttpLimits& with = limits()) {
    aws_.set("AWS_ENDPOINT_URL", server.url(""));
    return Fetcher(with).fetch(url);
  }
  std::string detail_of(const LoopbackServer& server, bool is_transient = false) {
    const Answer answer = fetch_from(server, "s3://b/k");
    expect_failure(answer, Fault::kHttpStatus, is_transient);
    EXPECT_THAT(failure(answer).detail, Not(HasSubstr("hunter2")));
    return failure(answer).detail;
  }
  /// The sentence that ends the run of whoever asks `server`; empty: it does not end.
  std::string end_by(const LoopbackServer& server) try {
    const Answer answer = fetch_from(server, "s3://b/k");
    if (const auto* end = std::get_if<std::exception_ptr>(&answer.body)) std::rethrow_exception(*end);
    return {};
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
    return error.what();
  }

  AwsEnvironment aws_;
};

TEST_F(HttpS3Test, EveryRequestIsSigned) {
  LoopbackServer server(s3_of({{"/chairs/a.png", "image"}}));
  EXPECT_EQ(body(fetch_from(server, "s3://chairs/a.png")), "image");
  EXPECT_EQ(server.count("HEAD"), 1);
  EXPECT_EQ(server.count("GET"), 1);
}

TEST_F(HttpS3Test, WhateverTheKey) {
  std::map<std::string, std::string> objects;
  for (const char* key : {"red chair.png", "a+b.png", "100%25 wool.png", "100%", "st\xc3\xbchl/\xe6\xa4\x85.png",
                          "v=1&x?y#z", "a//b", "(!*'$,;:@=)~_-", "\"<>\\^`{|}", "tab\there", "\xff\xfe"})
    objects.emplace(std::string("/my.bucket/") + key, std::string("of ") + key);
  LoopbackServer server(s3_of(objects));
  for (const auto& [path, contents] : objects) EXPECT_EQ(body(fetch_from(server, "s3:/" + path)), contents) << path;
}

TEST_F(HttpS3Test, APartOfAnObjectIsOneSignedGet) {
  LoopbackServer server(s3_of({{"/b/0 1.tar", "0123456789"}}));
  EXPECT_EQ(body(fetch_from(server, "s3://b/0 1.tar#bytes=3-5")), "345");
  EXPECT_EQ(server.count("HEAD"), 0);
}

TEST_F(HttpS3Test, ALookIsSignedToo) {
  LoopbackServer server(s3_of({{"/b/k", std::string(5000, 'x')}}));
  HttpLimits look = limits();
  look.look = 1024;
  EXPECT_EQ(fetch_from(server, "s3://b/k", look).told.bytes, 5000);
}

TEST_F(HttpS3Test, TheSessionsTokenGoesWithThem) {
  S3User user = kUser;
  user.token = "FwoGZXIvYXdzE+/==";
  LoopbackServer server(s3_of({{"/b/k", "image"}}, user));
  EXPECT_THAT(end_by(server), HasSubstr("InvalidToken"));
  aws_.set("AWS_SESSION_TOKEN", user.token);
  EXPECT_EQ(body(fetch_from(server, "s3://b/k")), "image");
}

TEST_F(HttpS3Test, WithoutKeysNothingIsSigned) {
  aws_.unset("AWS_ACCESS_KEY_ID");
  aws_.unset("AWS_SECRET_ACCESS_KEY");
  LoopbackServer open([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  EXPECT_EQ(body(fetch_from(open, "s3://b/k")), "image");
  for (const HttpRequest& request : open.requests()) {
    EXPECT_FALSE(request.headers.contains("authorization"));
    EXPECT_FALSE(request.headers.contains("x-amz-date"));
  }
  LoopbackServer closed(s3_of({{"/b/k", "image"}}));
  EXPECT_THAT(detail_of(closed), HasSubstr("HTTP 403 to GET, AccessDenied: it is not public, and there are no keys"));
}

TEST_F(HttpS3Test, OneSourceSignsForS3Alone) {
  LoopbackServer server(s3_of({{"/b/k", "image"}}));
  LoopbackServer other([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "other"); });
  aws_.set("AWS_ENDPOINT_URL", server.url(""));
  HttpLimits one = limits();
  one.connections = 1;  // one handle for all
  Fetcher fetcher(one);
  EXPECT_EQ(body(fetcher.fetch("s3://b/k")), "image");
  EXPECT_EQ(body(fetcher.fetch(other.url("/a"))), "other");
  EXPECT_EQ(body(fetcher.fetch("s3://b/k")), "image");
  expect_failure(fetcher.fetch(server.url("/b/k")), Fault::kHttpStatus, false);
  for (const HttpRequest& request : other.requests()) {
    EXPECT_FALSE(request.headers.contains("authorization"));
    EXPECT_FALSE(request.headers.contains("x-amz-date"));
  }
}

TEST_F(HttpS3Test, NoRedirectTakesKeysAlong) {
  aws_.set("AWS_SESSION_TOKEN", "token");
  LoopbackServer stranger([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  for (const std::string& target : {stranger.url("/x"), fmt::format("http://localhost:{}/x", stranger.port())}) {
    LoopbackServer server([&](const HttpRequest&, HttpReply& reply) {
      reply.send_answer(307, page_of("TemporaryRedirect"), {"Location: " + target});
    });
    EXPECT_EQ(body(fetch_from(server, "s3://b/k")), "image");
    EXPECT_TRUE(server.requests().front().headers.contains("authorization"));
  }
  ASSERT_EQ(stranger.requests().size(), 4u);
  for (const HttpRequest& request : stranger.requests()) {
    for (const auto& [name, value] : request.headers)
      EXPECT_TRUE(name != "authorization" && !name.starts_with("x-amz-")) << name;
  }
  LoopbackServer to_bucket(
      [](const HttpRequest&, HttpReply& reply) { reply.send_answer(302, "", {"Location: s3://other/key"}); });
  expect_failure(fetch_from(to_bucket, "s3://b/k"), Fault::kRedirects, false);
}

TEST_F(HttpS3Test, AWrongSecretEndsTheRunAndSaysWhatToDo) {
  LoopbackServer server(s3_of({{"/b/k", "image"}}));
  aws_.set("AWS_SECRET_ACCESS_KEY", "hunter2wrong");
  EXPECT_EQ(end_by(server), fmt::format("127.0.0.1:{} answers HTTP 403 to GET, SignatureDoesNotMatch: "
                                        "AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID; set both anew",
                                        server.port()));
}

TEST_F(HttpS3Test, WhatIsWrongWithTheAskerIsNoFailureOfTheObject) {
  EXPECT_THAT(end_by(LoopbackServer(refusing(400, "ExpiredToken"))), HasSubstr("get new keys"));
  EXPECT_THAT(end_by(LoopbackServer(refusing(400, "TokenRefreshRequired"))), HasSubstr("get new keys"));
  EXPECT_THAT(end_by(LoopbackServer(refusing(403, "InvalidAccessKeyId"))), HasSubstr("AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(end_by(LoopbackServer(refusing(403, "InvalidSecurity"))), HasSubstr("AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(end_by(LoopbackServer(refusing(403, "RequestTimeTooSkewed"))), HasSubstr("clock"));
}

TEST_F(HttpS3Test, OnlyS3ItselfCanEndARun) {
  const LoopbackServer stranger(refusing(400, "ExpiredToken"));
  expect_failure(fetch_from(stranger, stranger.url("/k")), Fault::kHttpStatus, false);
  const LoopbackServer server([&](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(307, page_of("TemporaryRedirect"), {"Location: " + stranger.url("/k")});
  });
  EXPECT_EQ(detail_of(server), "HTTP 400 to GET");
}

TEST_F(HttpS3Test, RefusalsSayWhatToDo) {
  EXPECT_THAT(detail_of(LoopbackServer(refusing(403, "AccessDenied"))), HasSubstr("may not read it"));
  EXPECT_EQ(detail_of(LoopbackServer(refusing(403, "SomethingNew"))), "HTTP 403 to GET, SomethingNew");
  EXPECT_EQ(detail_of(LoopbackServer(refusing(403, "<b>\n"))), "HTTP 403 to GET");
  EXPECT_EQ(detail_of(LoopbackServer(refusing(403, std::string(50'000, 'x')))), "HTTP 403 to GET");
  EXPECT_EQ(detail_of(LoopbackServer(refusing(404, "NoSuchKey"))), "HTTP 404 to HEAD");
  EXPECT_THAT(detail_of(LoopbackServer(refusing(301, "PermanentRedirect", {"x-amz-bucket-region: us-west-2"}))),
              HasSubstr("HTTP 301 to GET: the bucket is in us-west-2; set AWS_REGION=us-west-2"));
}

TEST_F(HttpS3Test, SlowDownIsTriedAgain) {
  EXPECT_EQ(detail_of(LoopbackServer(refusing(503, "SlowDown")), true), "HTTP 503 to HEAD");
}

TEST_F(HttpS3Test, APrivateEndpointIsRefusedLikeAnyPrivateAddress) {
  LoopbackServer server(s3_of({{"/b/k", "image"}}));
  HttpLimits strict = limits();
  strict.may_connect = is_public;
  expect_failure(fetch_from(server, "s3://b/k", strict), Fault::kRefusedAddress, false);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpS3Test, WhatItIsToldIsReadOnlyForThoseWhoNeedIt) {
  aws_.unset("AWS_SECRET_ACCESS_KEY");
  LoopbackServer other([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "other"); });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(other.url("/a"))), "other");
  const Answer answer = fetcher.fetch("s3://b/k");
  ASSERT_TRUE(std::holds_alternative<std::exception_ptr>(answer.body));
  EXPECT_THROW(std::rethrow_exception(std::get<std::exception_ptr>(answer.body)), std::invalid_argument);
}

/// A stream whose images, conditions and tars are objects.
class S3StreamTest : public StreamTest {
 protected:
  S3StreamTest() {
    aws_.set_keys(kUser.key_id, kUser.secret);
    aws_.set("AWS_REGION", kUser.region);
    aws_.set("XDG_CACHE_HOME", (folder_ / "cache").string());
    config_.data.allow_private = true;
    for (uint64_t row = 0; row < kRows; ++row) {
      const std::vector<std::byte> bytes = picture(row);
      const std::string image(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (row != 5) objects_["/furniture/pieces/" + key_of(row)] = image;
      std::ofstream(folder_ / key_of(row), std::ios::binary) << image;
      std::string& tar = objects_[fmt::format("/furniture/shards/{:03}.tar", row / 20)];
      tar += tar_member(fmt::format("{:02}.png", row), image) + (row % 20 == 19 ? kTarEnd : "");
    }
  }
  static std::string key_of(uint64_t row) { return fmt::format("no {}+.png", row); }

  std::vector<std::string> pixels_of(const std::string& list) {
    config_.data.list = list;
    manifest_ = open_list(config_.data, {});
    StreamPlan planned = plan();
    Stream stream(config_, planned);
    std::vector<std::string> pixels;
    std::vector<Sample> samples;
    for (int i = 0; i < 9; ++i) append(samples, stream.next());
    for (const Sample& sample : samples) pixels.push_back(sample.pixels + sample.condition);
    verdicts_ = stream.state().verdicts.all();
    return pixels;
  }
  std::string list_of(const std::string& name, const std::string& prefix, bool with_conditions) const {
    std::string text;
    for (uint64_t row = 0; row < kRows; ++row) {
      const std::string url = prefix + key_of(row == 5 && prefix.empty() ? 60 : row);
      text += "{\"url\":\"" + url + "\"" + (with_conditions ? ",\"condition_url\":\"" + url + "\"" : "") + "}\n";
    }
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  AwsEnvironment aws_;
  std::map<std::string, std::string> objects_;
  std::map<uint64_t, Verdict> verdicts_;
};

TEST_F(S3StreamTest, ListsConditionsAndTarsOfObjectsAreTheSameSamples) {
  LoopbackServer server(s3_of(objects_));
  aws_.set("AWS_ENDPOINT_URL", server.url(""));
  EXPECT_EQ(pixels_of(list_of("s3.jsonl", "s3://furniture/pieces/", false)),
            pixels_of(list_of("files.jsonl", "", false)));
  config_.data.condition = Condition::kFile;
  const auto expected = pixels_of(list_of("files2.jsonl", "", true));
  EXPECT_EQ(pixels_of(list_of("s3-2.jsonl", "s3://furniture/pieces/", true)), expected);
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_EQ(verdicts_.at(5).url, "s3://furniture/pieces/no 5+.png");
  EXPECT_EQ(verdicts_.at(5).detail, "HTTP 404 to HEAD");

  config_.data.condition = Condition::kNone;
  for (const auto& [path, bytes] : objects_) {
    if (path.ends_with(".tar")) std::ofstream(folder_ / path.substr(path.rfind('/') + 1), std::ios::binary) << bytes;
  }
  config_.data.shuffle = Shuffle::kNone;
  EXPECT_EQ(pixels_of("s3://furniture/shards/{000..002}.tar"), pixels_of((folder_ / "{000..002}.tar").string()));
}

TEST_F(S3StreamTest, KeysThatEndEndTheRunWhichGoesOnWithNewOnes) {
  constexpr int kBatches = 60;
  objects_["/furniture/pieces/" + key_of(5)] = objects_.at("/furniture/pieces/" + key_of(6));
  const S3User user = {kUser.key_id, kUser.secret, kUser.region, "first"};
  const S3User next = {"AKIDNEXT", "hunter3", kUser.region, "next"};
  std::atomic<int> left = 1'000'000;
  LoopbackServer server(
      [&, first = s3_of(objects_, user), then = s3_of(objects_, next)](const HttpRequest& request, HttpReply& reply) {
        if (left-- > 0) return first(request, reply);
        if (request.headers.at("x-amz-security-token") == next.token) return then(request, reply);
        reply.send_answer(400, page_of("ExpiredToken"));
      });
  aws_.set("AWS_ENDPOINT_URL", server.url(""));
  aws_.set_keys(user.key_id, user.secret);
  aws_.set("AWS_SESSION_TOKEN", user.token);
  config_.data.list = list_of("s3.jsonl", "s3://furniture/pieces/", false);
  config_.data.head = HeadCheck::kNever;
  manifest_ = open_list(config_.data, {});
  std::vector<Sample> expected, samples;
  {
    Stream whole(config_, plan());
    for (int i = 0; i < kBatches; ++i) append(expected, whole.next());
  }
  StreamPlan planned = plan();
  {
    Stream stream(config_, planned);
    append(samples, stream.next());
    left = 40;
    try {
      while (samples.size() < expected.size()) append(samples, stream.next());
      ADD_FAILURE() << "the stream outlived its keys";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr("ExpiredToken: the session has ended; get new keys"));
    }
    EXPECT_TRUE(stream.ledger().all().empty());
    planned.start = stream.state();
  }
  EXPECT_TRUE(planned.start.verdicts.all().empty());
  aws_.set_keys(next.key_id, next.secret);
  aws_.set("AWS_SESSION_TOKEN", next.token);
  Stream stream(config_, planned);
  while (samples.size() < expected.size()) append(samples, stream.next());
  EXPECT_EQ(samples, expected);
  EXPECT_TRUE(stream.state().verdicts.all().empty());
}

}  // namespace
}  // namespace atelier::test
