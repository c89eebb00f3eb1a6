#include "data/open_source.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "data/http.h"
#include "data/mix.h"
#include "data/mixed_source.h"
#include "data/proxy.h"
#include "data/store.h"
#include "data/stored_source.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

fs::path list_of(const fs::path& list_or_store) {
  if (!fs::is_directory(list_or_store)) return list_or_store;
  if (!Store::is_store(list_or_store))
    throw std::invalid_argument(
        fmt::format("{} is a folder but no store; name a list, or a folder that atelier-data pack has made",
                    list_or_store.string()));
  const std::string name = Store(list_or_store).identity().list;
  if (name.empty() || name != fs::path(name).filename())
    throw std::invalid_argument(
        fmt::format("{} is a cache without a list of its own; name the list, and this folder as data.cache",
                    list_or_store.string()));
  return list_or_store / name;
}

/// The source of a packed store, for rows numbered as in its own list.
MakeSource open_store(const std::string& folder, std::shared_ptr<const Manifest> manifest, const DataConfig& data) {
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
    if (fs::is_directory(lists[i]))
      parts.back().make = open_store(lists[i], std::make_shared<Manifest>(list_of(lists[i])), data);
  }
  return [=](Source::Handler handler) { return std::make_unique<MixedSource>(parts, web, std::move(handler)); };
}

MakeSource open_web(const DataConfig& data) {
  if (!data.ca_file.empty() && !std::ifstream(data.ca_file).good())
    throw std::invalid_argument(fmt::format("data.ca_file cannot be {}: it cannot be read", data.ca_file));
  const HttpLimits limits{.max_bytes = data.max_image_size,
                          .head_timeout = data.head_timeout,
                          .get_timeout = data.get_timeout,
                          .connect_timeout = data.connect_timeout,
                          .first_byte_timeout = data.first_byte_timeout,
                          .connections = data.connections,
                          .head = data.head,
                          .respect_opt_out = data.respect_opt_out,
                          .user_agent = data.user_agent,
                          .credentials = std::make_shared<const Credentials>(data.credentials, data.netrc),
                          .proxy = data.proxy.empty() ? "" : parse_proxy(data.proxy),
                          .ca_file = data.ca_file,
                          .may_connect = data.allow_private ? is_any : is_public};
  return [limits](Source::Handler handler) { return std::make_unique<HttpSource>(limits, std::move(handler)); };
}

}  // namespace

std::shared_ptr<const Manifest> open_list(const DataConfig& data, std::function<void(double)> progress) {
  const ManifestOptions options{.verify = data.verify_list, .progress = std::move(progress)};
  if (!is_mix(data.list)) return std::make_shared<const Manifest>(list_of(data.list), options);
  std::vector<Manifest> lists;
  for (const std::string& list : read_mix(data.list).lists) lists.emplace_back(list_of(list), options);
  return std::make_shared<const Manifest>(lists);
}

MakeSource open_source(const DataConfig& data, std::shared_ptr<const Manifest> manifest,
                       std::function<void(const std::string& sentence)> failed) {
  if (fs::is_directory(data.list)) return open_store(data.list, std::move(manifest), data);
  MakeSource bytes = open_web(data);
  if (is_mix(data.list)) bytes = open_mix(read_mix(data.list).lists, *manifest, bytes, data);
  if (data.cache.empty()) return bytes;

  const auto cache = std::make_shared<Store>(
      data.cache, StoreIdentity{.list_sha256 = manifest->sha256(), .rows = manifest->size(), .list = {}});
  const StoredSource::Options options{.max_bytes = data.max_image_size, .failed = std::move(failed)};
  return [=](Source::Handler handler) {
    return std::make_unique<StoredSource>(cache, manifest, options, bytes, std::move(handler));
  };
}

}  // namespace atelier
