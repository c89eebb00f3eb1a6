#include "data/unpacked_list.h"

#include <cerrno>
#include <cstdint>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/files.h"
#include "data/derived_file.h"
#include "data/list_index.h"
#include "data/list_rows.h"
#include "data/mapped_file.h"
#include "data/unpack.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kMostTimesLarger = 1000;  // lists of urls shrink to a third or a thirtieth
constexpr uint64_t kAlwaysAllowed = uint64_t{64} << 20;
constexpr uint64_t kDiskLeftFree = uint64_t{1} << 30;
constexpr size_t kMostPrintBytes = 4096;
constexpr const char* kPrintName = "packed.json";

using Progress = std::function<void(double share)>;

/// A packed list, and what it is unpacked to.
struct PackedList {
  fs::path list;
  Packing packing;
  MappedFile file;
  ListPrint print;

  PackedList(const fs::path& path, Packing how)
      : list(path), packing(how), file(path), print(print_of(path, file.text())) {}

  fs::path text_in(const fs::path& place) const { return place / list.stem(); }
  bool is_unpacked_at(const fs::path& place) const;
  void unpack_to(const fs::path& place, const Progress& progress) const;
};

bool PackedList::is_unpacked_at(const fs::path& place) const {
  try {
    const auto json = nlohmann::json::parse(read_file(place / kPrintName, kMostPrintBytes));
    const ListPrint then{
        .bytes = json.at("bytes"), .modified = json.at("modified"), .samples = json.at("samples"), .sha256 = {}};
    return looks_like(print, then) && fs::file_size(text_in(place)) == json.at("unpacked_bytes").get<uint64_t>();
  } catch (const std::exception&) {
    return false;  // whatever is wrong with it, it is made again
  }
}

void PackedList::unpack_to(const fs::path& place, const Progress& progress) const {
  publish_folder(place, [&](const fs::path& folder) {
    uint64_t bytes = 0, asked_at = 0;
    const uint64_t most = std::max(kAlwaysAllowed, kMostTimesLarger * print.bytes);
    publish_file(text_in(folder), [&](const WriteBytes& write) {
      unpack(file.text(), packing, [&](std::string_view piece, double share) {
        bytes += piece.size();
        if (bytes > most)
          throw std::invalid_argument(
              fmt::format("more than {} times as large when unpacked; if that is right, unpack it yourself and "
                          "name what comes out",
                          kMostTimesLarger));
        if (bytes - asked_at > kAlwaysAllowed) {
          asked_at = bytes;
          if (fs::space(folder).available < kDiskLeftFree)
            throw std::system_error(ENOSPC, std::generic_category(),
                                    "less than 1 GiB would be left on the disk of " + place.string());
        }
        write(piece);
        if (progress) progress(share);
      });
    });
    publish_file(
        folder / kPrintName,
        nlohmann::json{
            {"bytes", print.bytes}, {"modified", print.modified}, {"samples", print.samples}, {"unpacked_bytes", bytes}}
                .dump() +
            '\n');
  });
}

}  // namespace

fs::path text_file_of(const fs::path& list, bool verify, const Progress& progress) {
  const auto packing = packing_of(list);
  if (!packing) return list;
  if (!is_list_name(list.stem()))
    throw std::invalid_argument(fmt::format(
        "{}: what is packed in it? Name it by its format, too, such as list.csv.gz or list.jsonl.zst", list.string()));
  const PackedList packed(list, *packing);
  const auto places = places_of(list, ".unpacked");
  for (const fs::path& place : places)
    if (!verify && packed.is_unpacked_at(place)) return packed.text_in(place);
  std::string trouble;
  for (const fs::path& place : places) {
    try {
      const FileLock lock = lock_beside(place, [&] {
        if (progress) progress(0);
      });
      if (verify || !packed.is_unpacked_at(place)) packed.unpack_to(place, progress);
      return packed.text_in(place);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}: {}", list.string(), error.what()));
    } catch (const std::system_error& error) {
      trouble = error.what();
    }
  }
  throw std::invalid_argument(
      fmt::format("{}: cannot be unpacked: {}; make room, name another folder in XDG_CACHE_HOME, or unpack it yourself",
                  list.string(), trouble));
}

}  // namespace atelier
