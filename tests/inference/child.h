#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace atelier::test {

/// A program that runs beside the test, its output kept in files. Killed and reaped when the object goes.
class Child {
 public:
  /// Starts `command`, program first.
  explicit Child(const std::vector<std::string>& command);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  void signal(int number) const;
  /// Waits for the end. The exit code, or minus the signal that ended it.
  int wait();
  std::string out() const;
  std::string err() const;

 private:
  pid_t process_ = -1;  // -1: reaped
  int out_ = -1, err_ = -1;
};

struct Finished {
  int code = 0;
  std::string out, err;
};

Finished run(const std::vector<std::string>& command);

/// atelier-generate with `arguments`, on one thread.
Finished generate(std::vector<std::string> arguments);
std::vector<std::string> generate_command(std::vector<std::string> arguments);

}  // namespace atelier::test
