#include "data/local_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/free_with.h"

namespace atelier {
namespace {

Failure system_failure(const char* what, int error) {
  const bool transient = error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO || error == ESTALE;
  return {Fault::kMissingFile, fmt::format("{}: {}", what, std::generic_category().message(error)), transient};
}

Failure too_large(const char* what, uint64_t size, uint64_t max_bytes) {
  return {Fault::kTooLargeByHead, fmt::format("a {} of {} bytes is over {}", what, size, max_bytes)};
}

std::variant<std::vector<std::byte>, Failure> read_part(int descriptor, const ByteRange& range) {
  std::vector<std::byte> bytes(range.size());
  for (size_t filled = 0; filled < bytes.size();) {
    const ssize_t count =
        ::pread(descriptor, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(range.first + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure("cannot read the file", errno);
    if (count == 0)
      return Failure{Fault::kTruncated,
                     fmt::format("the file ends at byte {}, before {} does", range.first + filled, range.text())};
    filled += static_cast<size_t>(count);
  }
  return bytes;
}

}  // namespace

std::variant<uint64_t, Failure> local_file_size(const std::string& path, uint64_t max_bytes,
                                                const std::optional<ByteRange>& range) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_failure("cannot look at the file", errno);
  if (!S_ISREG(status.st_mode)) return Failure{Fault::kMissingFile, "not a regular file"};
  if (::access(path.c_str(), R_OK) != 0) return system_failure("cannot open the file", errno);
  const auto whole = static_cast<uint64_t>(status.st_size);
  if (range && range->last >= whole)
    return Failure{Fault::kTruncated, fmt::format("the file ends at byte {}, before {} does", whole, range->text())};
  const uint64_t size = range ? range->size() : whole;
  if (size > max_bytes) return too_large(range ? "part" : "file", size, max_bytes);
  return size;
}

std::variant<std::vector<std::byte>, Failure> read_local_file(const std::string& path, uint64_t max_bytes,
                                                              const std::optional<ByteRange>& range) {
  if (range && range->size() > max_bytes) return too_large("part", range->size(), max_bytes);
  // O_NONBLOCK: opening a FIFO returns at once instead of waiting for its writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return system_failure("cannot open the file", errno);
  const std::unique_ptr<FILE, FreeWith<&std::fclose>> file(::fdopen(descriptor, "rb"));
  struct stat status {};
  if (!file || ::fstat(descriptor, &status) != 0) return system_failure("cannot look at the file", errno);
  if (!S_ISREG(status.st_mode)) return Failure{Fault::kMissingFile, "not a regular file"};
  if (range) return read_part(descriptor, *range);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > max_bytes) return too_large("file", size, max_bytes);

  // One byte more than promised, so that the end shows without growing. Files of /proc promise 0 and hold more.
  std::vector<std::byte> bytes(size + 1);
  size_t filled = 0;
  while ((filled += std::fread(bytes.data() + filled, 1, bytes.size() - filled, file.get())) == bytes.size()) {
    if (filled > max_bytes) return Failure{Fault::kTooLargeInBody, fmt::format("more than {} bytes", max_bytes)};
    bytes.resize(std::min<uint64_t>(2 * filled + 4096, max_bytes + 1));
  }
  if (std::ferror(file.get())) return system_failure("cannot read the file", errno);
  bytes.resize(filled);
  return bytes;
}

}  // namespace atelier
