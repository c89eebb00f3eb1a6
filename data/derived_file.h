#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/files.h"

/// Files that follow from others and are made only once: indexes, and lists of what is in folders and tars.
namespace atelier {

/// Where such files go when they cannot stand beside what they follow from: Atelier's folder in the user's cache (XDG
/// Base Directory Specification). Empty: neither XDG_CACHE_HOME nor HOME names a folder.
std::filesystem::path cache_folder();

/// A name in the cache folder for what follows from `origin`, a path or a url; nothing where there is no such folder.
std::optional<std::filesystem::path> place_in_cache(const std::string& origin, const std::string& ending);

/// Where what follows from `file` may be: beside it, then in the cache folder.
std::vector<std::filesystem::path> places_of(const std::filesystem::path& file, const std::string& ending);

/// Holds the lock beside `place`, which of several processes lets one make it. Creates the folder.
///   waiting  called now and then meanwhile; it may throw
FileLock lock_beside(const std::filesystem::path& place, const std::function<void()>& waiting);

/// What find(place) gives for the first of `places` where it gives anything; else it is made, under a lock, at the
/// first that can be written.
///   anew     make it whatever there is
///   find     (const std::filesystem::path&) -> std::optional<T>
///   make     (const std::filesystem::path&): publishes the file
///   returns  nothing: it cannot be written anywhere
template <class Find, class Make>
auto find_or_make(const std::vector<std::filesystem::path>& places, bool anew, const Find& find, const Make& make,
                  const std::function<void()>& waiting) -> decltype(find(places.front())) {
  for (const auto& place : places) {
    if (anew) break;
    if (auto found = find(place)) return found;
  }
  for (const auto& place : places) {
    try {
      const FileLock lock = lock_beside(place, waiting);
      if (auto found = anew ? decltype(find(place))() : find(place)) return found;  // made while we waited
      make(place);
      if (auto made = find(place)) return made;
    } catch (const std::system_error&) {
      continue;  // it cannot be written there
    }
  }
  return std::nullopt;
}

/// A list (jsonl) that follows from something else, for a Manifest to open.
struct DerivedList {
  std::filesystem::path file;
  std::filesystem::path folder = {};  ///< what its relative urls count from; empty: the list's own
  std::string warning = {};           ///< what had to be left out, in one sentence; empty: nothing
};

/// The list in the cache folder that follows from `origin` as `version` has it; `fill` writes it where there is none
/// yet, and those of other versions go when they are an hour old. Throws std::invalid_argument where there is no place
/// for it.
std::filesystem::path keep_list(const std::string& origin, const std::string& version,
                                const std::function<void(const WriteBytes&)>& fill,
                                const std::function<void()>& waiting);

}  // namespace atelier
