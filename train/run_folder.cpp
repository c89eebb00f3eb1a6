#include "train/run_folder.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "train/checkpoint.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

bool has_more_than(std::initializer_list<const char*> names, const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (std::ranges::find(names, entry.path().filename()) == names.end()) return true;
  return false;
}

/// More than what a process leaves that trains here, or starts to.
bool has_content(const fs::path& folder) {
  return fs::exists(folder) && has_more_than({kLockFile, kPidFile, kLogFile}, folder);
}

[[noreturn]] void refuse_unmakable(const fs::path& path, const std::string& why) {
  throw std::invalid_argument(
      fmt::format("The run folder {} cannot be made ({}): choose another train.run_dir.", path.string(), why));
}

void refuse_nameless(const fs::path& path) {
  if (path.empty()) throw std::invalid_argument("train.run_dir is empty: name a folder for the run.");
}

/// Whether it could be made, or what is there be written to.
void check_folder(const fs::path& path) {
  const fs::path there = nearest_there(path);
  if (!fs::is_directory(there)) refuse_unmakable(path, there.string() + " is no folder");
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    refuse_unmakable(path, fmt::format("{}: {}", there.string(), std::generic_category().message(errno)));
}

/// Tried twice: whoever only looks whether it is held has it for a moment.
std::optional<FileLock> acquire_lock(const fs::path& path) try {
  if (auto lock = FileLock::try_acquire(path / kLockFile)) return lock;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return FileLock::try_acquire(path / kLockFile);
} catch (const std::runtime_error& error) {
  throw std::invalid_argument(
      fmt::format("The run folder cannot be used: {}; choose another train.run_dir.", error.what()));
}

[[noreturn]] void refuse_used_by_another(const fs::path& path) {
  throw std::invalid_argument(
      fmt::format("Another atelier-train works in {}: wait for it, or choose another train.run_dir.", path.string()));
}

[[noreturn]] void refuse_nothing_to_resume(const fs::path& path) {
  throw std::invalid_argument(fmt::format(
      "{} holds no checkpoint to resume, and train.resume is must: give the folder of a run.", path.string()));
}

/// Where the newest checkpoint was when a trainer last said so; nothing: none was saved.
std::optional<uint64_t> said_to_be_saved(const fs::path& path) {
  const auto status = written_status(path);
  if (!status || !status->is_object()) return std::nullopt;
  const auto saved = status->find("saved");
  return saved != status->end() && saved->is_number_unsigned() ? std::optional(saved->get<uint64_t>()) : std::nullopt;
}

/// What `path` holds, for a run that is to start as `resume` says.
RunFolder read_run_folder(const fs::path& path, Resume resume) {
  RunFolder folder{.path = path, .made = {}, .lock = {}, .pid = {}, .newest = {}, .warnings = {}};
  if (resume == Resume::kNever) {
    if (has_content(path))
      throw std::invalid_argument(fmt::format(
          "{} is not empty and train.resume is never: choose another train.run_dir, or resume.", path.string()));
    return folder;
  }
  folder.newest = newest_checkpoint(path, folder.warnings, kCheckpointFiles);
  if (!folder.newest && !folder.warnings.empty())
    throw std::invalid_argument(
        fmt::format("Every checkpoint in {} is damaged ({}): start a new run in another folder.", path.string(),
                    folder.warnings.front()));
  if (folder.newest) return folder;
  if (resume == Resume::kMust) refuse_nothing_to_resume(path);
  if (const auto position = said_to_be_saved(path))
    throw std::invalid_argument(fmt::format(
        "{0}/status.json tells of a checkpoint at position {1}, and {0}/positions has none: put it back, or "
        "begin anew by removing status.json.",
        path.string(), *position));
  return folder;
}

}  // namespace

MadeFolder::~MadeFolder() {
  if (path_.empty()) return;
  try {
    if (has_more_than({kLockFile}, path_)) return;
    const auto free = FileLock::try_acquire(path_ / kLockFile);  // nobody trains there
    if (!free || has_more_than({kLockFile}, path_)) return;
    fs::remove(path_ / kLockFile);
    fs::remove(path_);
  } catch (const std::exception&) {  // then it stays
  }
}

std::optional<MadeFolder> make_folder(const fs::path& path) {
  refuse_nameless(path);
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (!fs::is_directory(path)) refuse_unmakable(path, error.message());
  return made ? std::optional<MadeFolder>(path) : std::nullopt;
}

fs::path nearest_there(const fs::path& path) {
  fs::path there = fs::absolute(path);
  std::error_code ignored;  // what cannot be looked at is not there
  while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  return there;
}

std::optional<nlohmann::json> written_status(const fs::path& path) {
  const fs::path file = path / "status.json";
  if (!fs::exists(file)) return std::nullopt;
  return nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
}

std::string no_run_at(const fs::path& path) {
  const fs::path folder = fs::absolute(path).lexically_normal() / "";  // with or without a slash at its end
  const fs::path above = folder.parent_path().parent_path();
  if (above.filename() == "positions")
    return fmt::format("{} is one position of a run: name the run's folder, {}", path.string(),
                       above.parent_path().string());
  if (fs::exists(path / "status.json"))
    return fmt::format("the run in {} has saved no checkpoint yet: ask again when it has", path.string());
  return fmt::format("there is no run at {}", path.string());
}

RunFolder open_run_folder(const fs::path& path, Resume resume) {
  if (resume == Resume::kMust && !fs::exists(path)) refuse_nothing_to_resume(path);
  auto made = make_folder(path);
  auto lock = acquire_lock(path);
  if (!lock) refuse_used_by_another(path);
  RunFolder folder = read_run_folder(path, resume);
  folder.made = std::move(made);
  folder.lock = std::move(lock);
  folder.pid.emplace(path);
  return folder;
}

RunFolder look_into_run_folder(const fs::path& path, Resume resume) {
  refuse_nameless(path);
  if (resume == Resume::kMust && !fs::exists(path)) refuse_nothing_to_resume(path);
  check_folder(path);
  if (FileLock::is_held(path / kLockFile)) refuse_used_by_another(path);
  return read_run_folder(path, resume);
}

}  // namespace atelier
