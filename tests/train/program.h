#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <utility>
#include <vector>

#include "base/files.h"
#include "images/encode.h"
#include "models/checkpoint.h"
#include "tests/support/temporary_folder.h"

extern char** environ;

/// The real atelier-train, in processes of its own, on a list of small local pictures.
namespace atelier {

namespace fs = std::filesystem;

/// atelier-train under way; killed if a test leaves it.
class Process {
 public:
  Process(std::vector<std::string> arguments, const fs::path& log, const fs::path& said = "/dev/null") : log_(log) {
    arguments.insert(arguments.begin(), ATELIER_BIN_DIR "/atelier-train");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const { kill(pid_, signal); }
  /// From here on none of its files may grow past `bytes`: a full disk, as far as it can tell.
  void limit_files(rlim_t bytes) const {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  bool running() const {
    return pid_ > 0 && waitid(P_PID, static_cast<id_t>(pid_), &info_, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info_.si_pid == 0;
  }

  /// Its exit code, or minus the signal that ended it.
  int wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string log() const { return read_file(log_); }

 private:
  pid_t pid_ = -1;
  fs::path log_;
  mutable siginfo_t info_{};
};

class Training : public testing::Test {
 protected:
  static constexpr int kRows = 10;
  static constexpr uint64_t kEpoch = 12;  // positions

  Training() {
    std::ofstream list(folder_ / "list.csv");
    list << "url,label\n";
    for (int row = 0; row < kRows; ++row) {
      const std::string name = std::to_string(row) + ".png";
      const auto png = encode_png(picture(row));
      std::ofstream(folder_ / name, std::ios::binary)
          .write(std::bit_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
      list << name << ',' << (row % 2 ? "chair" : "table") << '\n';
    }
  }

  /// A dark rectangle on white.
  static Image picture(int row) {
    Image image(24, 24);
    for (int y = 4; y < 20; ++y)
      for (int x = 3 + row; x < 20; ++x)
        for (int c = 0; c < 3; ++c)
          image.rgb[static_cast<size_t>((y * 24 + x) * 3 + c)] = static_cast<uint8_t>(20 * row + 10 * c);
    return image;
  }

  using Settings = std::map<std::string, std::string>;

  /// A tiny run in `run_dir`, of 2,000 epochs of 3 steps of 4 samples unless `other` says otherwise.
  std::vector<std::string> arguments(const fs::path& run_dir, const std::string& kind, Settings other = {}) const {
    other.merge(Settings{{"data.list", folder_ / "list.csv"},
                         {"data.image_size", "16"},
                         {"data.condition", "outline"},
                         {"data.held_out", "0.2"},
                         {"data.threads", "1"},
                         {"model.kind", kind},
                         {"model.channels", "8"},
                         {"model.levels", "2"},
                         {"model.blocks", "1"},
                         {"model.attention_size", "8"},
                         {"train.run_dir", run_dir},
                         {"train.epochs", "2000"},
                         {"train.steps_per_epoch", "3"},
                         {"train.batch_size", "4"},
                         {"train.device", "cpu"},
                         {"train.precision", "float32"},
                         {"train.threads", "1"},
                         {"train.keep_checkpoints", "1000"},
                         {"train.sample_every", "1000"}});
    std::vector<std::string> all;
    for (const auto& [key, value] : other) all.insert(all.end(), {"--" + key, value});
    return all;
  }

  int run(const std::vector<std::string>& arguments, std::string* log = nullptr, std::string* said = nullptr) const {
    Process process(arguments, folder_ / "log", folder_ / "said");
    const int code = process.wait();
    if (said) *said = read_file(folder_ / "said");
    if (log) *log = process.log();
    return code;
  }

  /// Waits until `run_dir` has `count` checkpoints; false: the program ended before.
  static bool wait_for_checkpoints(const Process& process, const fs::path& run_dir, size_t count) {
    while (process.running()) {
      if (list_checkpoints(run_dir).size() >= count) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  TemporaryFolder folder_;
};

}  // namespace atelier
