#include "data/open_source.h"

#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

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

}  // namespace

std::shared_ptr<const Manifest> open_list(const DataConfig& data, std::function<void(double)> progress) {
  return std::make_shared<const Manifest>(
      list_of(data.list),
      ManifestOptions{.verify = data.verify_list, .where = data.where, .progress = std::move(progress)});
}

HttpLimits limits_of(const DataConfig& data) {
  return {.max_bytes = data.max_image_size,
          .head_timeout = data.head_timeout,
          .get_timeout = data.get_timeout,
          .connections = data.connections,
          .head = data.head,
          .respect_opt_out = data.respect_opt_out,
          .user_agent = data.user_agent,
          .may_connect = data.allow_private ? is_any : is_public};
}

MakeSource web_source(const DataConfig& data) {
  return [limits = limits_of(data)](Source::Handler handler) {
    return std::make_unique<HttpSource>(limits, std::move(handler));
  };
}

MakeSource open_source(const DataConfig& data, std::shared_ptr<const Manifest> manifest,
                       std::function<void(const std::string& sentence)> failed) {
  const MakeSource web = web_source(data);
  const bool is_packed = fs::is_directory(data.list);
  if (!is_packed && data.cache.empty()) return web;

  const StoreIdentity identity{.list_sha256 = manifest->sha256(), .rows = manifest->size(), .list = {}};
  const auto store = is_packed ? std::make_shared<Store>(data.list) : std::make_shared<Store>(data.cache, identity);
  if (store->identity().list_sha256 != identity.list_sha256)
    throw std::invalid_argument(fmt::format("the list in {} is not the one that was packed; pack it anew", data.list));
  return [=, max_bytes = data.max_image_size](Source::Handler handler) {
    return std::make_unique<StoredSource>(store, manifest,
                                          StoredSource::Options{.max_bytes = max_bytes, .failed = failed},
                                          is_packed ? MakeSource() : web, std::move(handler));
  };
}

}  // namespace atelier
