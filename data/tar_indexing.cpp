#include "data/tar_indexing.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "base/descriptor.h"
#include "base/files.h"
#include "data/block_signals.h"
#include "data/range_fetcher.h"
#include "data/tar.h"
#include "data/url.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kLocalWindow = 4096;        ///< the system reads ahead by itself
constexpr uint64_t kRemoteWindow = 256 << 10;  ///< bytes; hopping over less costs more in round trips than it spares
constexpr size_t kMostAtOnce = 16;

/// Thrown to leave a tar that nobody wants to know about any more.
struct Abandoned {};

/// Reads the tars, several at once.
class Indexing {
 public:
  Indexing(const Tars& tars, const DataConfig& data)
      : tars_(tars),
        anew_(data.verify_list),
        indexed_(tars.names.size()),
        shares_(tars.names.size()),
        end_(indexed_.size()) {
    HttpLimits limits = http_limits(data);
    limits.max_bytes = std::max(kRemoteWindow, TarReader::kMostText);
    for (const std::string& name : tars_.names) {
      auto parsed = parse_url(resolved(name));
      if (const auto* failure = std::get_if<Failure>(&parsed))
        throw std::invalid_argument(fmt::format("{}: {}", name, failure->detail));
      urls_.push_back(std::move(std::get<Url>(parsed)));
      if (!urls_.back().local && !fetcher_) fetcher_ = std::make_unique<RangeFetcher>(limits, data.sample_deadline);
    }
  }

  std::vector<IndexedTar> run(const std::function<void(double)>& progress) {
    const size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const size_t threads = std::min({tars_.names.size(), kMostAtOnce, fetcher_ ? kMostAtOnce : cores});
    std::vector<std::jthread> workers;
    try {
      for (size_t i = 0; i < threads; ++i) workers.emplace_back([this] { work(); });
      for (;;) {
        {
          std::unique_lock lock(mutex_);
          const auto is_over = [&] { return ended_ == threads; };
          if (changed_.wait_for(lock, std::chrono::milliseconds(50), is_over)) break;
        }
        if (progress) progress(share());
      }
    } catch (...) {
      end_ = 0;
      if (fetcher_) fetcher_->stop();
      throw;
    }
    if (error_) std::rethrow_exception(error_);
    return std::move(indexed_);
  }

 private:
  std::string resolved(const std::string& name) const {
    return tars_.folder.empty() ? name : (tars_.folder / name).lexically_normal().string();
  }

  double share() const {
    double sum = 0;
    for (const auto& share : shares_) sum += share;
    return sum / static_cast<double>(shares_.size());
  }

  /// Takes one tar after the other. A tar that fails ends those behind it; those before go on, and may fail themselves.
  void work() {
    block_signals();
    for (size_t number = 0; (number = next_++) < end_;) {
      try {
        indexed_[number] = index_of(number);
        shares_[number] = 1;
      } catch (const Abandoned&) {
        continue;
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (number >= end_) continue;
        end_ = number;
        error_ = std::current_exception();
      }
    }
    const std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }

  IndexedTar index_of(size_t number) {
    const Url& url = urls_[number];
    try {
      return url.local ? index_of_file(number, url.target) : index_of_url(number, url.target);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}: {}", resolved(tars_.names[number]), error.what()));
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: {}", resolved(tars_.names[number]), error.what()));
    }
  }

  IndexedTar index_of_file(size_t number, const fs::path& path) {
    const Whole tar = look_at(path);
    std::unique_ptr<Descriptor> file;
    try {
      file = std::make_unique<Descriptor>(path, O_RDONLY);
    } catch (const std::system_error& error) {
      throw std::invalid_argument(error.code().message());
    }
    TarReader reader(tar.bytes, kLocalWindow, [&](const ByteRange& range) {
      std::string bytes(range.size(), '\0');
      if (file->read_at(std::as_writable_bytes(std::span(bytes)), range.first)) return bytes;
      throw std::runtime_error(fmt::format("at byte {}: it cannot be read", range.first));
    });
    IndexedTar indexed = find_or_make_index(number, places_of(path, ".index"), tar, reader);
    if (!(look_at(path) == tar)) throw std::runtime_error("it changes while it is read; wait until it is written");
    return indexed;
  }

  /// The first block tells how long the tar is and which version, on first contact and whenever it is looked at again.
  IndexedTar index_of_url(size_t number, const std::string& url) {
    const Whole tar = fetcher_->fetch(url, {0, 511}).whole;
    if (tar.bytes == 0) throw std::invalid_argument("the server does not say how long it is; fetch it to a local file");
    TarReader reader(tar.bytes, kRemoteWindow, [&](const ByteRange& range) {
      RangeFetcher::Part part = fetcher_->fetch(url, range);
      if (part.whole == tar) return std::move(part.bytes);
      throw std::runtime_error("it changes while it is read; wait until it is written");
    });
    std::vector<fs::path> places;
    if (auto place = place_in_cache(url, ".tar.index")) places.push_back(std::move(*place));
    return find_or_make_index(number, places, tar, reader);
  }

  IndexedTar find_or_make_index(size_t number, const std::vector<fs::path>& places, const Whole& tar,
                                TarReader& reader) {
    const auto watch = [&] {
      if (number >= end_) throw Abandoned();
      shares_[number] = static_cast<double>(reader.offset()) / static_cast<double>(tar.bytes + 1);
    };
    std::optional<std::string> text;  // read once, whatever becomes of writing it
    auto indexed = find_or_make(
        places, anew_,
        [&](const fs::path& place) -> std::optional<IndexedTar> {
          auto index = open_tar_index(place, tar);
          return index ? std::optional(IndexedTar{std::move(*index), place}) : std::nullopt;
        },
        [&](const fs::path& place) {
          if (!text) text = to_text(tar, read_samples(reader, watch));
          publish_file(place, *text);
        },
        watch);
    if (!indexed)
      throw std::invalid_argument("no place for its index; set XDG_CACHE_HOME to a folder that can be written");
    return std::move(*indexed);
  }

  const Tars& tars_;
  const bool anew_;
  std::vector<Url> urls_;
  std::unique_ptr<RangeFetcher> fetcher_;  // where any tar is on a server
  std::vector<IndexedTar> indexed_;
  std::vector<std::atomic<double>> shares_;  // of each tar: how much of it has been read

  std::atomic<size_t> next_ = 0;
  std::atomic<size_t> end_;  // the tars from here on do not matter: one before has failed
  std::mutex mutex_;         // guards the rest, and changes of end_
  std::condition_variable changed_;
  size_t ended_ = 0;  // threads
  std::exception_ptr error_;
};

}  // namespace

std::vector<IndexedTar> index_tars(const Tars& tars, const DataConfig& data,
                                   const std::function<void(double)>& progress) {
  return Indexing(tars, data).run(progress);
}

}  // namespace atelier
