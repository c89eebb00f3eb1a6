// Where objects of S3 are and in whose name they are asked for; and the tests' own check of signatures.

#include "data/s3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

#include "tests/data/s3_fixture.h"
#include "tests/support/sigv4.h"

namespace atelier::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string located(const std::string& text) { return S3().locate(std::get<Url>(parse_url(text))).target; }
S3Access access_of(const std::string& text) { return *S3().locate(std::get<Url>(parse_url(text))).s3; }
std::string refusal() try {
  S3 s3;
  return "";
} catch (const std::invalid_argument& error) {
  return error.what();
}

class S3Test : public ::testing::Test {
 protected:
  AwsEnvironment aws_;
};

// Amazon's examples, https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

constexpr std::time_t kExampleTime = 1369353600;  // 2013-05-24, midnight
const S3User kExampleUser = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"};

HttpRequest example(const std::string& path, const std::string& names, const std::string& signature) {
  HttpRequest request{.method = "GET", .path = path, .headers = {}};
  request.headers = {{"host", "examplebucket.s3.amazonaws.com"},
                     {"x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                     {"x-amz-date", "20130524T000000Z"},
                     {"authorization",
                      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                      "aws4_request,SignedHeaders=" +
                          names + ",Signature=" + signature}};
  return request;
}

TEST(Sigv4, AgreesWithAmazonsExamples) {
  HttpRequest object = example("/test.txt", "host;range;x-amz-content-sha256;x-amz-date",
                               "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  object.headers["range"] = "bytes=0-9";
  EXPECT_EQ(verify_sigv4(object, kExampleUser, kExampleTime), "");
  EXPECT_EQ(verify_sigv4(example("/?lifecycle", "host;x-amz-content-sha256;x-amz-date",
                                 "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
                         kExampleUser, kExampleTime),
            "");
  EXPECT_EQ(verify_sigv4(example("/?max-keys=2&prefix=J", "host;x-amz-content-sha256;x-amz-date",
                                 "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
                         kExampleUser, kExampleTime),
            "");
  EXPECT_EQ(verify_sigv4(object, kExampleUser, kExampleTime + 1000), "RequestTimeTooSkewed");
  object.headers["range"] = "bytes=0-8";
  EXPECT_EQ(verify_sigv4(object, kExampleUser, kExampleTime), "SignatureDoesNotMatch");
}

TEST_F(S3Test, AmazonHasAHostForEachBucketWhoseNameCanBeOne) {
  EXPECT_EQ(located("s3://chairs/a/b.png"), "https://chairs.s3.us-east-1.amazonaws.com/a/b.png");
  aws_.set("AWS_DEFAULT_REGION", "eu-central-1");
  EXPECT_EQ(located("s3://chairs/a.png"), "https://chairs.s3.eu-central-1.amazonaws.com/a.png");
  aws_.set("AWS_REGION", "cn-north-1");
  EXPECT_EQ(located("s3://chairs/a.png"), "https://chairs.s3.cn-north-1.amazonaws.com.cn/a.png");
  aws_.set("AWS_REGION", "us-west-2");
  EXPECT_EQ(located("s3://chairs.example.org/a.png"), "https://s3.us-west-2.amazonaws.com/chairs.example.org/a.png");
  EXPECT_EQ(located("s3://Old_Chairs/a.png"), "https://s3.us-west-2.amazonaws.com/Old_Chairs/a.png");
  const Url url = S3().locate(std::get<Url>(parse_url("s3://chairs/0.tar#bytes=5-9")));
  EXPECT_EQ(url.host, "chairs.s3.us-west-2.amazonaws.com:443");
  EXPECT_TRUE(url.secure);
  EXPECT_EQ(url.range, (ByteRange{5, 9}));
  EXPECT_FALSE(url.in_bucket);
}

TEST_F(S3Test, AnotherEndpointHasThemAllBehindItsOwnName) {
  aws_.set("AWS_ENDPOINT_URL", "http://minio:9000/");
  EXPECT_EQ(located("s3://chairs/a.png"), "http://minio:9000/chairs/a.png");
  EXPECT_EQ(S3().locate(std::get<Url>(parse_url("s3://chairs/a.png"))).host, "minio:9000");
  EXPECT_FALSE(S3().locate(std::get<Url>(parse_url("s3://chairs/a.png"))).secure);
  aws_.set("AWS_ENDPOINT_URL_S3", "https://gate.example.org/s3");
  EXPECT_EQ(located("s3://chairs/a.png"), "https://gate.example.org/s3/chairs/a.png");
  for (const char* wrong : {"minio:9000", "ftp://minio", "s3://minio/x", "http://minio/?x=1", "http://me:pw@minio"}) {
    aws_.set("AWS_ENDPOINT_URL_S3", wrong);
    EXPECT_THAT(refusal(), AllOf(HasSubstr("AWS_ENDPOINT_URL"), Not(HasSubstr("pw")))) << wrong;
  }
}

TEST_F(S3Test, KeysAreTakenLetterByLetter) {
  aws_.set("AWS_ENDPOINT_URL", "http://h");
  EXPECT_EQ(located("s3://b/red chair+50%25 (\xc3\xbc,#1)?v=1&x=*~.png"),
            "http://h/b/red%20chair%2B50%2525%20%28%C3%BC%2C%231%29%3Fv%3D1%26x%3D%2A~.png");
  EXPECT_EQ(located("s3://b//a//b/"), "http://h/b//a//b/");
}

TEST_F(S3Test, TakesKeysFromTheEnvironmentThenFromTheProfile) {
  EXPECT_TRUE(access_of("s3://b/k").is_anonymous());
  const auto file = aws_.write("credentials",
                               "# ours\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key=sd\n"
                               "[work]\naws_access_key_id=AKWORK\naws_secret_access_key = s+/w=\n"
                               "aws_session_token = tw\n");
  aws_.write("config",
             "[default]\nregion = eu-west-1\n[profile work]\nregion=eu-west-3\ns3 =\n  region = none\n"
             "endpoint_url = http://store:81\n");
  EXPECT_EQ(access_of("s3://b/k").key_id, "AKDEFAULT");
  EXPECT_EQ(access_of("s3://b/k").region, "eu-west-1");
  aws_.set("AWS_DEFAULT_PROFILE", "work");
  EXPECT_EQ(access_of("s3://b/k").key_id, "AKWORK");
  aws_.set("AWS_PROFILE", "default");
  EXPECT_EQ(access_of("s3://b/k").key_id, "AKDEFAULT") << "AWS_PROFILE counts more";
  aws_.set("AWS_PROFILE", "work");
  EXPECT_EQ(access_of("s3://b/k").key_id, "AKWORK");
  EXPECT_EQ(access_of("s3://b/k").secret, "s+/w=");
  EXPECT_EQ(access_of("s3://b/k").token, "tw");
  EXPECT_EQ(access_of("s3://b/k").region, "eu-west-3");
  EXPECT_EQ(located("s3://b/k"), "http://store:81/b/k");
  aws_.set_keys("AKENV", "se");
  EXPECT_EQ(access_of("s3://b/k").key_id, "AKENV");
  EXPECT_EQ(access_of("s3://b/k").token, "") << "of other keys";
  EXPECT_EQ(access_of("s3://b/k").region, "eu-west-3");
  aws_.set("AWS_REGION", "us-west-2");
  EXPECT_EQ(access_of("s3://b/k").region, "us-west-2");
}

TEST_F(S3Test, SaysWhatIsWrongWithoutTellingSecrets) {
  aws_.set("AWS_ACCESS_KEY_ID", "AKID");
  EXPECT_THAT(refusal(), HasSubstr("AWS_SECRET_ACCESS_KEY"));
  aws_.set("AWS_SECRET_ACCESS_KEY", "hun\nter2");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("AWS_SECRET_ACCESS_KEY"), Not(HasSubstr("ter2"))));
  aws_.unset("AWS_ACCESS_KEY_ID");
  aws_.unset("AWS_SECRET_ACCESS_KEY");
  aws_.set("AWS_REGION", "eu west/1");
  EXPECT_THAT(refusal(), HasSubstr("AWS_REGION"));
  aws_.unset("AWS_REGION");
  aws_.set("AWS_PROFILE", "nobody");
  EXPECT_THAT(refusal(), HasSubstr("nobody"));
  aws_.write("config", "[profile nobody]\nsso_session = x\n");
  EXPECT_THAT(refusal(), HasSubstr("export-credentials --profile nobody"));
  aws_.unset("AWS_PROFILE");
  aws_.set("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials");
  EXPECT_THAT(refusal(), HasSubstr("/nowhere/credentials"));
  const auto open = aws_.write("open", "[default]\naws_access_key_id=AK\naws_secret_access_key=hunter2\n");
  std::filesystem::permissions(open, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
  aws_.set("AWS_SHARED_CREDENTIALS_FILE", open.string());
  EXPECT_THAT(refusal(), AllOf(HasSubstr("chmod 600"), Not(HasSubstr("hunter2"))));
  aws_.set_keys("AK", "s");
  EXPECT_EQ(refusal(), "") << "nobody looks into the file";
  const auto large = aws_.write("large", std::string((1 << 20) + 1, '#'));
  for (const std::string& file : {large.string(), large.parent_path().string()}) {
    aws_.set("AWS_CONFIG_FILE", file);
    EXPECT_THAT(refusal(), HasSubstr(file));
  }
}

TEST_F(S3Test, BucketsAndKeysThatCannotBeAreBadUrls) {
  for (const char* text : {"s3://", "s3://b", "s3://b/", "s3:///k", "s3://me:pw@b/k", "s3://-b/k", "s3://b-/k",
                           "s3://a..b/k", "s3://b:80/k", "s3://b/../k", "s3://b/a/./k", "s3://b/a/..", "s3://b?x/k"}) {
    const auto parsed = parse_url(text);
    ASSERT_TRUE(std::holds_alternative<Failure>(parsed)) << text;
    EXPECT_EQ(std::get<Failure>(parsed).fault, Fault::kBadUrl);
  }
  EXPECT_TRUE(std::holds_alternative<Failure>(parse_url("s3://b/" + std::string(1025, 'k'))));
  EXPECT_TRUE(std::holds_alternative<Failure>(parse_url("s3://" + std::string(64, 'b') + "/k")));
  EXPECT_TRUE(std::holds_alternative<Url>(parse_url("s3://b/a..b/...")));
}

}  // namespace
}  // namespace atelier::test
