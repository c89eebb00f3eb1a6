#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/scoped_environment.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {

/// What S3 is told by the environment and AWS's files: nothing, until a test says something.
class AwsEnvironment {
 public:
  AwsEnvironment() {
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
                             "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE",
                             "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"})
      variables_.unset(name);
    variables_.set("HOME", home_.path().string());
  }

  void set(const std::string& name, const std::string& value) { variables_.set(name, value); }
  void unset(const std::string& name) { variables_.unset(name); }
  void set_keys(const std::string& key_id, const std::string& secret) {
    set("AWS_ACCESS_KEY_ID", key_id);
    set("AWS_SECRET_ACCESS_KEY", secret);
  }
  /// ~/.aws/NAME, for its owner alone.
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(home_ / ".aws");
    std::ofstream(home_ / ".aws" / name) << text;
    std::filesystem::permissions(home_ / ".aws" / name, std::filesystem::perms::owner_read);
    return home_ / ".aws" / name;
  }

 private:
  TemporaryFolder home_;
  ScopedEnvironment variables_;
};

}  // namespace atelier::test
