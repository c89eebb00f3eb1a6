#include "data/stored_source.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "data/block_signals.h"
#include "data/channel.h"
#include "data/host_table.h"
#include "data/readers.h"
#include "data/shard.h"

namespace atelier {

class StoredSource::Work {
 public:
  Work(std::shared_ptr<Store> store, std::shared_ptr<const Manifest> manifest, Options options,
       const MakeSource& make_other, Handler handler)
      : store_(std::move(store)),
        manifest_(std::move(manifest)),
        options_(std::move(options)),
        handler_(std::move(handler)) {
    if (make_other) other_ = make_other([this](Answer answer) { fetched_.push(std::move(answer)); });
    readers_.emplace(options_.readers, [this](Request request) { read(std::move(request)); });
    writer_ = std::jthread([this] { write(); });
  }

  /// Nobody asks any more, then nobody answers any more, then what has come is sealed.
  ~Work() {
    abandoned_ = true;
    readers_.reset();
    other_.reset();
    fetched_.close();
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  void submit(Request request) { readers_->push(std::move(request)); }

  SourceCounts counts() const {
    SourceCounts counts = other_ ? other_->counts() : SourceCounts();
    counts.stored += stored_;
    return counts;
  }
  std::vector<HostCounts> hosts() const {
    const auto reads = reads_.most_waited_for(SteadyClock::now());
    return other_ ? merged(other_->hosts(), reads) : reads;
  }

 private:
  struct Asked {
    Request request;
    bool replaces;  // a damaged body
  };

  void read(Request request) try {
    auto found = look_up(request.item);
    const auto* failure = found ? std::get_if<Failure>(&*found) : nullptr;
    const bool is_damaged = failure && failure->fault != Fault::kTooLargeByHead;
    if (other_ && (!found || is_damaged)) {
      {
        const std::lock_guard lock(mutex_);
        asked_.emplace(request.ticket, Asked{request, is_damaged});
      }
      return other_->submit(std::move(request));
    }
    Answer stored{.ticket = request.ticket, .body = Failure{Fault::kMissingFile, "not in the store", false, 0}};
    if (found && !failure) ++stored_;
    if (const auto* body = found ? std::get_if<std::vector<std::byte>>(&*found) : nullptr)
      stored.told.bytes = static_cast<int64_t>(body->size());
    stored.told.stored = found.has_value();
    if (found) std::visit([&](auto&& body) { stored.body = std::move(body); }, std::move(*found));
    stored.is_original = is_original_;
    answer(std::move(stored));
  } catch (const std::exception&) {
    answer({.body = std::current_exception()});
  }

  std::optional<std::variant<std::vector<std::byte>, Failure>> look_up(const Item& item) {
    static const std::string kStore = "the store";
    const auto begun = SteadyClock::now();
    auto found = store_->read(item, options_.max_bytes);
    if (!found) found = read_draft(item);
    if (!found) return found;  // another source has to
    const auto* body = std::get_if<std::vector<std::byte>>(&*found);
    reads_.begin(kStore, begun);
    reads_.end(kStore, begun, begun, SteadyClock::now(), body != nullptr, body ? body->size() : 0);
    return found;
  }

  /// What has come and is not sealed yet.
  std::optional<std::variant<std::vector<std::byte>, Failure>> read_draft(const Item& item) {
    const std::lock_guard lock(draft_mutex_);
    const auto place = drafted_.find({item.row, item.condition});
    if (place == drafted_.end()) return std::nullopt;
    const auto* bytes = draft_.bytes.data();
    return std::vector<std::byte>(bytes + draft_.offsets[place->second], bytes + draft_.offsets[place->second + 1]);
  }

  void answer(Answer answer) {
    if (!abandoned_) handler_(std::move(answer));
  }

  void write() {
    block_signals();
    while (auto fetched = fetched_.pop()) {
      try {
        if (!std::holds_alternative<std::exception_ptr>(fetched->body)) take(*fetched);
      } catch (const std::exception&) {
        fetched->body = std::current_exception();
      }
      answer(std::move(*fetched));
    }
    seal();
  }

  void take(const Answer& fetched) {
    std::unique_lock lock(mutex_);
    const auto [request, replaces] = std::move(asked_.extract(fetched.ticket).mapped());
    lock.unlock();
    const auto* body = std::get_if<std::vector<std::byte>>(&fetched.body);
    if (!body || body->empty() || !options_.adds || !writable_ || (!replaces && store_->has(request.item))) return;
    if (drafted_.contains({request.item.row, request.item.condition})) return;  // asked for twice at once
    if (replaces) replacing_.insert(draft_.size());
    const int64_t label = manifest_->label_index(request.item.row);
    std::string name = label < 0 ? "" : manifest_->labels()[static_cast<size_t>(label)];
    {
      const std::lock_guard draft_lock(draft_mutex_);
      drafted_.emplace(std::pair(request.item.row, request.item.condition), draft_.size());
      draft_.add(request.item, request.url, std::move(name), *body);
    }
    if (draft_.bytes.size() >= kShardBytes) seal();
  }

  /// What another process that shares the store has not stored meanwhile; nothing: all of it.
  std::optional<ShardDraft> draft_without_stored() const {
    std::vector<size_t> fresh;
    for (size_t slot = 0; slot < draft_.size(); ++slot)
      if (replacing_.contains(slot) || !store_->has(draft_.items[slot])) fresh.push_back(slot);
    if (fresh.size() == draft_.size()) return std::nullopt;
    ShardDraft draft;
    for (const size_t slot : fresh)
      draft.add(draft_.items[slot], draft_.urls[slot], draft_.labels[slot],
                std::span(draft_.bytes).subspan(draft_.offsets[slot], draft_.offsets[slot + 1] - draft_.offsets[slot]));
    return draft;
  }

  void seal() {
    if (draft_.size() == 0) return;
    try {
      const std::optional<ShardDraft> fresh = draft_without_stored();
      if (!fresh) store_->add(draft_);
      if (fresh && fresh->size() > 0) store_->add(*fresh);
    } catch (const std::exception& error) {
      writable_ = false;
      if (options_.failed) options_.failed(error.what());
    }
    const std::lock_guard lock(draft_mutex_);
    draft_ = {};
    drafted_.clear();
    replacing_.clear();
  }

  const std::shared_ptr<Store> store_;
  const std::shared_ptr<const Manifest> manifest_;
  const Options options_;
  const bool is_original_ = store_->identity().packing.empty();
  const Handler handler_;
  std::atomic<bool> abandoned_ = false;
  std::atomic<uint64_t> stored_ = 0;
  HostTable reads_;
  std::mutex mutex_;                           // guards asked_
  std::unordered_map<uint64_t, Asked> asked_;  // of the other source, by ticket
  Channel<Answer> fetched_{std::numeric_limits<size_t>::max()};

  bool writable_ = true;    // the writer's own
  std::mutex draft_mutex_;  // of what only the writer changes and readers look at
  ShardDraft draft_;
  std::map<std::pair<uint64_t, bool>, size_t> drafted_;  // item -> its slot in the draft
  std::set<size_t> replacing_;                           // slots that are there for a damaged body; the writer's own

  std::jthread writer_;
  std::unique_ptr<Source> other_;
  std::optional<Readers<Request>> readers_;
};

StoredSource::StoredSource(std::shared_ptr<Store> store, std::shared_ptr<const Manifest> manifest, Options options,
                           const MakeSource& make_other, Handler handler)
    : work_(std::make_unique<Work>(std::move(store), std::move(manifest), std::move(options), make_other,
                                   std::move(handler))) {}
StoredSource::~StoredSource() = default;
SourceCounts StoredSource::counts() const { return work_->counts(); }
std::vector<HostCounts> StoredSource::hosts() const { return work_->hosts(); }
void StoredSource::submit(Request request) { work_->submit(std::move(request)); }

}  // namespace atelier
