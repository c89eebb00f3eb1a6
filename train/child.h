#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace atelier {

/// This program once more, as a process of its own. What it says goes to a file. Terminated and waited for when its
/// owner goes, unless it was let go.
class Child {
 public:
  /// Throws std::system_error when it cannot be started.
  Child(std::vector<std::string> arguments, const std::filesystem::path& log);
  /// In a session of its own, which the end of this one's terminal does not touch. What it says is added to the file.
  static Child in_background(std::vector<std::string> arguments, const std::filesystem::path& log);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Its exit code once it has ended, or 128 + the signal that ended it; then nothing again.
  std::optional<int> poll();
  /// The last line that it said; empty: none yet.
  std::string last_words() const;
  pid_t process() const { return process_; }
  /// Leaves it to itself.
  void let_go() { process_ = -1; }

 private:
  Child(std::vector<std::string> arguments, const std::filesystem::path& log, bool background);

  const std::filesystem::path log_;
  uintmax_t said_before_ = 0;  // bytes in the file, of others
  pid_t process_ = -1;         // -1: ended, or let go
};

}  // namespace atelier
