#include "data/secret_file.h"

#include <cerrno>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>

#include "base/files.h"

namespace atelier {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

}  // namespace

std::string read_secret(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    throw std::invalid_argument(fmt::format("cannot look at {}: {}", file, std::generic_category().message(errno)));
  if (!S_ISREG(status.st_mode)) throw std::invalid_argument(fmt::format("{} is not a file", file));
  if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0)
    throw std::invalid_argument(
        fmt::format("everybody on this machine can read or change {}; chmod 600 {}", file, file));
  try {
    return read_file(file, kMaxFileBytes);
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace atelier
