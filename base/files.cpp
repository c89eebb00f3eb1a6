#include "base/files.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdexcept>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/free_with.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void sync_tree(const fs::path& folder) {
  for (const auto& item : fs::recursive_directory_iterator(folder)) sync_path(item.path());
  sync_path(folder);
}

fs::path beside(const fs::path& target, const char* ending) {
  fs::path path = target;
  path += ending;
  return path;
}

void write_all(const Descriptor& file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write " + path.string());
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

/// A plain rename cannot replace a folder that is not empty; an exchange can, in one step. Where the file system knows
/// no exchange, such as NFS, `target` is missing for a moment; what was there is never lost.
void exchange(const fs::path& partial, const fs::path& target) {
  if (renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) fail("cannot publish " + target.string());
  const fs::path aside = beside(target, ".replaced.partial");
  fs::remove_all(aside);
  fs::rename(target, aside);
  fs::rename(partial, target);
  fs::rename(aside, partial);
}

}  // namespace

void sync_path(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (fsync(file.number()) != 0) fail("cannot sync " + path.string());
}

void publish_folder(const fs::path& target, const std::function<void(const fs::path&)>& write) {
  const fs::path partial = beside(target, ".partial");
  fs::remove_all(partial);
  fs::create_directories(partial);
  try {
    write(partial);
    sync_tree(partial);
  } catch (...) {
    std::error_code ignored;  // the first error is the one worth reporting
    fs::remove_all(partial, ignored);
    throw;
  }
  if (fs::exists(target)) {
    exchange(partial, target);
  } else {
    fs::rename(partial, target);
  }
  sync_path(parent_of(target));
  fs::remove_all(partial);
}

void discard_folder(const fs::path& folder) {
  const fs::path partial = beside(folder, ".partial");
  fs::remove_all(partial);
  fs::rename(folder, partial);
  fs::remove_all(partial);
}

void publish_file(const fs::path& target, std::string_view bytes) {
  publish_file(target, [bytes](const WriteBytes& write) { write(bytes); });
}

void publish_file(const fs::path& target, const std::function<void(const WriteBytes&)>& fill) {
  const fs::path partial = beside(target, ".partial");
  try {
    const Descriptor file(partial, O_WRONLY | O_CREAT | O_TRUNC);
    fill([&](std::string_view bytes) { write_all(file, bytes, target); });
    if (fsync(file.number()) != 0) fail("cannot sync " + target.string());
    fs::rename(partial, target);
  } catch (...) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    throw;
  }
  sync_path(parent_of(target));
}

std::string write_file(const fs::path& path, const std::function<void(const WriteBytes&)>& fill) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
  Sha256 hash;
  fill([&](std::string_view bytes) {
    hash.update(std::as_bytes(std::span(bytes)));
    write_all(file, bytes, path);
  });
  return hash.hex();
}

std::string read_file(const fs::path& path, size_t max_bytes) {
  const Descriptor file(path, O_RDONLY);
  std::string bytes;
  std::array<char, 65'536> piece;
  for (;;) {
    const ssize_t count = read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot read " + path.string());
    if (count == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(count) > max_bytes)
      throw std::runtime_error(path.string() + " is larger than " + std::to_string(max_bytes) + " bytes");
    bytes.append(piece.data(), static_cast<size_t>(count));
  }
}

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL offers no SHA-256");
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("OpenSSL's SHA-256 failed");
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest;
  if (EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr) != 1)
    throw std::runtime_error("OpenSSL's SHA-256 failed");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text))); }

std::string sha256_file(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  Sha256 hash;
  std::vector<std::byte> piece(1 << 20);
  for (;;) {
    const ssize_t count = read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot read " + path.string());
    if (count == 0) return hash.hex();
    hash.update(std::span(piece).first(static_cast<size_t>(count)));
  }
}

std::optional<FileLock> FileLock::try_acquire(const fs::path& path) {
  for (;;) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) fail("cannot open " + path.string());
    FileLock lock(descriptor);
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) fail("cannot lock " + path.string());
      return std::nullopt;
    }
    struct stat locked = {}, there = {};
    if (fstat(descriptor, &locked) != 0) fail("cannot look at " + path.string());
    if (stat(path.c_str(), &there) == 0 && locked.st_ino == there.st_ino && locked.st_dev == there.st_dev) return lock;
  }  // whoever held it has removed the file meanwhile
}

bool FileLock::is_held(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    fail("cannot open " + path.string());
  }
  const FileLock looking(descriptor);  // shared, and for this moment alone
  if (flock(descriptor, LOCK_SH | LOCK_NB) == 0) return false;
  if (errno != EWOULDBLOCK) fail("cannot lock " + path.string());
  return true;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace atelier
