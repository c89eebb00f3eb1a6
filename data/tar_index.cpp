#include "data/tar_index.h"

#include <cerrno>
#include <exception>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

#include "base/files.h"
#include "data/mapped_file.h"

namespace atelier {
namespace {

constexpr std::string_view kFormat = "atelier tar index 2";
constexpr size_t kHashBytes = 64;  // hexadecimal

}  // namespace

Whole look_at(const std::filesystem::path& tar) {
  struct stat status {};
  if (::stat(tar.c_str(), &status) != 0)
    throw std::invalid_argument(fmt::format("{}; check the path", std::generic_category().message(errno)));
  if (!S_ISREG(status.st_mode)) throw std::invalid_argument("that is no file; check the path");
  return {.bytes = static_cast<uint64_t>(status.st_size),
          .version = fmt::format("modified {}.{:09}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec)};
}

std::string to_text(const Whole& tar, const TarSamples& samples) {
  const nlohmann::json head{{"format", kFormat},
                            {"bytes", tar.bytes},
                            {"version", tar.version},
                            {"samples", samples.samples},
                            {"without_image", samples.without_image},
                            {"unreadable", samples.unreadable},
                            {"example", samples.example},
                            {"sha256", sha256_hex(samples.rows)}};
  const std::string body = head.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n" + samples.rows;
  return sha256_hex(body) + "\n" + body;
}

std::optional<TarIndex> open_tar_index(const std::filesystem::path& file, const Whole& tar, std::string* rows) try {
  const MappedFile memory(file);
  const std::string_view text = memory.text(), hash = text.substr(0, kHashBytes), body = text.substr(kHashBytes + 1);
  if (text[kHashBytes] != '\n' || sha256_hex(body) != hash) return std::nullopt;
  const size_t line = body.find('\n');
  const auto head = nlohmann::json::parse(body.substr(0, line));
  const Whole then{.bytes = head.at("bytes"), .version = head.at("version")};
  if (head.at("format") != kFormat || !(then == tar)) return std::nullopt;
  TarIndex index{.tar = then,
                 .samples = head.at("samples"),
                 .without_image = head.at("without_image"),
                 .unreadable = head.at("unreadable"),
                 .example = head.at("example"),
                 .sha256 = head.at("sha256")};
  if (rows != nullptr) *rows = body.substr(line + 1);
  return index;
} catch (const std::exception&) {
  return std::nullopt;  // whatever is wrong with it, it is made again
}

}  // namespace atelier
