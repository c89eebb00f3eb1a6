#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace atelier {

/// This program once more, as a process of its own. What it says goes to a file. Terminated and waited for when its
/// owner goes.
class Child {
 public:
  /// Throws std::system_error when it cannot be started.
  Child(std::vector<std::string> arguments, const std::filesystem::path& log);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Its exit code once it has ended, or 128 + the signal that ended it.
  std::optional<int> poll();
  /// The last line that it said.
  std::string last_words() const;

 private:
  const std::filesystem::path log_;
  pid_t process_ = -1;  // -1: ended
};

}  // namespace atelier
