#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

/// Programs run by tests, whole: arguments and environment in; exit code, stdout and stderr out.
namespace atelier::test {

struct Ended {
  int code = -1;  ///< exit code; -N when signal N ended it
  std::string out, err;
};

/// A program that is running. Killed if it still runs when this goes.
class Child {
 public:
  /// `environment` holds NAME=VALUE and is all that the program sees.
  Child(const std::string& program, const std::vector<std::string>& arguments,
        const std::vector<std::string>& environment = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const;
  /// Reads stdout until it contains `text`; false when it ends before.
  bool read_until(const std::string& text);
  /// Reads both streams to their end and waits.
  Ended wait();

 private:
  pid_t process_ = -1;
  int out_ = -1, err_ = -1;
  Ended ended_;
};

Ended run(const std::string& program, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {});

}  // namespace atelier::test
