#pragma once

#include <string>
#include <string_view>

#include "data/url.h"

namespace atelier {

/// In whose name objects are asked for. Never in a setting, a log, a ledger or a failure.
struct S3Access {
  std::string region;
  std::string key_id, secret;  ///< both empty: nobody's; the request is not signed
  std::string token;           ///< of a session; may be empty
  bool is_anonymous() const { return key_id.empty(); }
};

/// Where the objects of s3:// urls are, and in whose name they are asked for, as AWS's own tools are told: by the
/// environment, then by the profile of ~/.aws/credentials and ~/.aws/config.
///
///   keys      AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; both of the first two, or the profile's
///   region    AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1
///   endpoint  AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's endpoint_url; else Amazon's of the region
///   profile   AWS_PROFILE, AWS_DEFAULT_PROFILE, default
///   files     AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE
class S3 {
 public:
  /// Throws std::invalid_argument, with a file's name but never its text, when a file cannot be read, is over 1 MiB or
  /// holds keys and is open to everybody on this machine, or what is given cannot be.
  S3();

  /// The web server's url of an object (Url::in_bucket): https://bucket.s3.region.amazonaws.com/key, or
  /// ENDPOINT/bucket/key where the endpoint is not Amazon's or the bucket's name would make no host's.
  Url locate(const Url& object) const;

 private:
  std::shared_ptr<const S3Access> access_;
  std::string endpoint_;  ///< without a slash at its end; empty: Amazon's
  std::string host_;      ///< of the endpoint
  bool secure_ = true;
};

/// What an answer that refuses an object says.
struct S3Refusal {
  std::string advice = {};   ///< to be put behind its status, ", AccessDenied: ..."; may be empty
  bool is_of_asker = false;  ///< of the keys, the session or the clock: it says nothing about the object
};

///   page    the beginning of the answer's body, where S3 puts the code of the error; HEAD has none
///   region  its x-amz-bucket-region
S3Refusal read_refusal(const S3Access& access, std::string_view page, const std::string& region);

}  // namespace atelier
