#pragma once

#include <ctime>
#include <string>

#include "tests/support/loopback_server.h"

/// AWS Signature Version 4 as a server checks it, written from Amazon's description alone:
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
namespace atelier::test {

/// Whom a server knows.
struct S3User {
  std::string key_id, secret, region;
  std::string token = {};  ///< of its session; empty: none
};

/// The path of a request line without its query, percent-decoded.
std::string decoded_path(const std::string& target);

/// "" for a request that `user` signed less than 15 minutes from `now`, else the code of the error that S3 answers,
/// such as "SignatureDoesNotMatch".
std::string verify_sigv4(const HttpRequest& request, const S3User& user, std::time_t now);

}  // namespace atelier::test
