#include "data/open_source.h"

#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "data/derived_file.h"
#include "data/folder_list.h"
#include "data/http.h"
#include "data/mix.h"
#include "data/mixed_source.h"
#include "data/store.h"
#include "data/stored_source.h"
#include "data/tar_list.h"
#include "data/url.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

fs::path list_in(const fs::path& store) {
  const std::string name = Store(store).identity().list;
  if (name.empty() || name != fs::path(name).filename())
    throw std::invalid_argument(fmt::format(
        "{} is a cache without a list of its own; name the list, and this folder as data.cache", store.string()));
  return store / name;
}

/// Of whichever kind `list` is, the list that a Manifest can open.
DerivedList find_list(const std::string& list, const DataConfig& data, const std::function<void(double)>& progress) {
  std::error_code ignored;
  if (Store::is_store(list)) return {list_in(list)};
  if (fs::is_directory(list, ignored)) return list_of_folder(list, progress);
  if (const Tars tars = tars_of(list); !tars.empty()) return list_of_tars(tars, data, progress);
  if (has_scheme(list))
    throw std::invalid_argument(
        fmt::format("{} is a url, and a list is read from disk, where any row can be looked up and it stays what it "
                    "was; download it first and name the file",
                    without_credentials(list)));
  return {list};
}

/// The source of a packed store, for rows numbered as in its own list.
MakeSource open_store(const std::string& folder, const std::shared_ptr<const Manifest>& manifest,
                      const DataConfig& data) {
  const auto store = std::make_shared<Store>(folder);
  if (store->identity().list_sha256 != manifest->sha256())
    throw std::invalid_argument(fmt::format("the list in {} is not the one that was packed; pack it anew", folder));
  return [=, max_bytes = data.max_image_size](Source::Handler handler) {
    return std::make_unique<StoredSource>(store, manifest, StoredSource::Options{.max_bytes = max_bytes, .failed = {}},
                                          MakeSource(), std::move(handler));
  };
}

/// The source of a mix: stores for the lists that are stores, `web` for the others.
MakeSource open_mix(const std::vector<std::string>& lists, const Manifest& manifest, const MakeSource& web,
                    const DataConfig& data) {
  const std::vector<uint64_t> ends = manifest.ends();
  std::vector<MixedSource::Part> parts;
  for (size_t i = 0; i < lists.size(); ++i) {
    parts.push_back({.end = ends[i], .make = {}});
    if (Store::is_store(lists[i]))
      parts.back().make = open_store(lists[i], std::make_shared<Manifest>(list_in(lists[i])), data);
  }
  return [=](const Source::Handler& handler) { return std::make_unique<MixedSource>(parts, web, handler); };
}

StoreIdentity identity_of_cache(const Manifest& manifest) {
  return {.list_sha256 = manifest.sha256(), .rows = manifest.size(), .list = {}};
}

}  // namespace

MakeSource web_source(const DataConfig& data) {
  const HttpLimits limits = http_limits(data);
  return [limits](Source::Handler handler) { return std::make_unique<HttpSource>(limits, std::move(handler)); };
}

std::shared_ptr<const Manifest> open_list(const DataConfig& data, const std::function<void(double)>& progress,
                                          const std::function<void(const std::string&)>& warn) {
  const auto open = [&](const std::string& name) {
    const DerivedList list = find_list(name, data, progress);
    if (warn && !list.warning.empty()) warn(list.warning);
    return Manifest(list.file,
                    {.verify = data.verify_list, .folder = list.folder, .where = data.where, .progress = progress});
  };
  if (!is_mix(data.list)) return std::make_shared<const Manifest>(open(data.list));
  std::vector<Manifest> lists;
  for (const std::string& list : read_mix(data.list).lists) {
    try {
      lists.push_back(open(list));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}: {}", data.list, error.what()));
    }
  }
  return std::make_shared<const Manifest>(lists);
}

MakeSource kept_in(const std::shared_ptr<Store>& store, const std::shared_ptr<const Manifest>& manifest,
                   const DataConfig& data, const MakeSource& bytes,
                   std::function<void(const std::string& sentence)> failed) {
  const StoredSource::Options options{.max_bytes = data.max_image_size, .failed = std::move(failed)};
  return [=](Source::Handler handler) {
    return std::make_unique<StoredSource>(store, manifest, options, bytes, std::move(handler));
  };
}

std::string image_packing(const DataConfig& data) {
  const auto lists = is_mix(data.list) ? read_mix(data.list).lists : std::vector<std::string>{data.list};
  std::string packing;
  bool is_packed = false;
  for (const std::string& list : lists) {
    const std::string own = Store::is_store(list) ? Store(list).identity().packing : "";
    is_packed |= !own.empty();
    packing += (packing.empty() ? "" : "; ") + own;
  }
  return is_packed ? packing : "";
}

MakeSource with_stores(const DataConfig& data, const std::shared_ptr<const Manifest>& manifest, const MakeSource& web) {
  if (Store::is_store(data.list)) return open_store(data.list, manifest, data);
  return is_mix(data.list) ? open_mix(read_mix(data.list).lists, *manifest, web, data) : web;
}

MakeSource reading_source(const DataConfig& data, const std::shared_ptr<const Manifest>& manifest) {
  MakeSource bytes = web_source(data);
  if (!data.cache.empty() && !Store::is_store(data.list)) {
    if (auto cache = Store::look_into(data.cache, identity_of_cache(*manifest)))
      bytes = [=, store = std::make_shared<Store>(std::move(*cache))](Source::Handler handler) {
        const StoredSource::Options options{.max_bytes = data.max_image_size, .adds = false, .failed = {}};
        return std::make_unique<StoredSource>(store, manifest, options, bytes, std::move(handler));
      };
  }
  return with_stores(data, manifest, bytes);
}

MakeSource open_source(const DataConfig& data, const std::shared_ptr<const Manifest>& manifest,
                       std::function<void(const std::string& sentence)> failed) {
  MakeSource bytes = web_source(data);
  if (!data.cache.empty() && !Store::is_store(data.list)) {
    bytes = kept_in(std::make_shared<Store>(data.cache, identity_of_cache(*manifest)), manifest, data, bytes,
                    std::move(failed));
  }
  return with_stores(data, manifest, bytes);
}

}  // namespace atelier
