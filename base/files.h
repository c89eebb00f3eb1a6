#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Files that appear whole or not at all, and the hashes that prove it.
///
/// Errors throughout: std::runtime_error (std::system_error where errno tells) with one sentence that names the path.
namespace atelier {

/// Writes a folder aside (`target` + ".partial"), syncs every file in it, then renames it to `target` and syncs the
/// parent. A kill at any instruction leaves the old `target` or the new one, never a mixture.
///   target  the final folder; an existing one is replaced
///   write   fills the folder it is given; when it throws, the partial folder is removed and `target` is untouched
void publish_folder(const std::filesystem::path& target,
                    const std::function<void(const std::filesystem::path&)>& write);

/// The same for one file of `bytes`.
void publish_file(const std::filesystem::path& target, std::string_view bytes);

/// The same for a file that `fill` writes piece by piece, with the function it is given.
using WriteBytes = std::function<void(std::string_view)>;
void publish_file(const std::filesystem::path& target, const std::function<void(const WriteBytes&)>& fill);

/// Removes a folder; a kill at any instruction leaves it whole, or under the name that publish_folder writes to.
void discard_folder(const std::filesystem::path& folder);

/// Writes a file piece by piece, neither aside nor synced: for the files of a publish_folder. Returns the SHA-256 of
/// what it wrote.
std::string write_file(const std::filesystem::path& path, const std::function<void(const WriteBytes&)>& fill);

/// Waits until a file or a folder is on the disk.
void sync_path(const std::filesystem::path& path);

/// A whole file in memory. Throws when it cannot be read or is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, size_t max_bytes = size_t{1} << 30);

/// SHA-256 (FIPS 180-4, by OpenSSL), fed piece by piece.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits of everything fed so far; the object is spent afterwards.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);
std::string sha256_file(const std::filesystem::path& path);

/// Holds `path` locked against other processes (flock) for its lifetime. The file stays when the lock goes.
class FileLock {
 public:
  /// Nothing when another process (or another FileLock of this one) holds it. Who holds it may remove the file: the
  /// next one makes it anew.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path);
  /// Whether anybody holds it now. Makes no file: what is not there is not held.
  static bool is_held(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace atelier
