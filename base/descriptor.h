#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <system_error>
#include <unistd.h>

namespace atelier {

/// An open file. Reading at an offset is const and may be done from any number of threads.
class Descriptor {
 public:
  /// Throws std::system_error that names the path.
  Descriptor(const std::filesystem::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (number_ < 0) throw std::system_error(errno, std::generic_category(), "cannot open " + path.string());
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }

  /// Fills `bytes` from `offset` on. False: an error, or the file ends before.
  bool read_at(std::span<std::byte> bytes, uint64_t offset) const {
    while (!bytes.empty()) {
      const ssize_t count = ::pread(number_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return true;
  }

  /// Writes all of `bytes` from `offset` on. False: an error, told by errno.
  bool write_at(std::span<const std::byte> bytes, uint64_t offset) const {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(number_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return true;
  }

 private:
  int number_;
};

}  // namespace atelier
