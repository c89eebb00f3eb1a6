#include "data/http.h"

#include <atomic>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "data/block_signals.h"
#include "data/curl_handle.h"
#include "data/host_health.h"
#include "data/host_queue.h"
#include "data/host_table.h"
#include "data/local_file.h"
#include "data/proxy.h"
#include "data/readers.h"
#include "data/s3.h"
#include "data/transfer.h"
#include "data/url.h"

namespace atelier {
namespace {

constexpr size_t kMostHosts = 10'000;
constexpr int kFileThreads = 4;
constexpr int kPollLimit = 10'000;  ///< milliseconds; submit and destruction wake the loop at once
constexpr int kTick = 100;          ///< milliseconds between looks at how fast answers come

/// Memory or file descriptors have run out: nothing that another attempt mends.
void check(CURLMcode code) {
  if (code != CURLM_OK) throw std::runtime_error(fmt::format("libcurl's loop failed: {}", curl_multi_strerror(code)));
}

CurlMulti make_multi(const HttpLimits& limits) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);  // once a process, by the first source
  CurlMulti multi(initialised == CURLE_OK ? curl_multi_init() : nullptr);
  if (!multi) throw std::runtime_error("libcurl cannot start: out of memory, or its TLS library is broken");
  check(curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, 2L * limits.connections));  // kept alive
  check(curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(HttpLimits::kPerHost)));
  return multi;
}

}  // namespace

HttpLimits http_limits(const DataConfig& data) {
  if (!data.ca_file.empty() && !std::ifstream(data.ca_file).good())
    throw std::invalid_argument(fmt::format("data.ca_file cannot be {}: it cannot be read", data.ca_file));
  return {.max_bytes = data.max_image_size,
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
}

/// The thread and what it owns. Only `submitted_`, the counts and the hosts are shared.
class HttpSource::Loop {
 public:
  Loop(const HttpLimits& limits, Handler handler)
      : limits_(limits),
        handler_(std::move(handler)),
        waiting_([this](const std::string& host) { return limit_of(host); }),
        multi_(make_multi(limits_)),
        files_(kFileThreads, [this](const Job& job) { answer_with_file(job); }) {
    for (int i = 0; i < limits_.connections; ++i) {
      transfers_.push_back(std::make_unique<Transfer>(limits_));
      idle_.push_back(transfers_.back().get());
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void submit(Request request) {
    std::unique_lock lock(mutex_);
    submitted_.push_back(std::move(request));
    const bool first = submitted_.size() == 1;  // otherwise the loop has been woken already
    lock.unlock();
    if (first) curl_multi_wakeup(multi_.get());
  }

  SourceCounts counts() const {
    return {.heads = heads_,
            .gets = gets_,
            .bytes = bytes_,
            .connections = connections_,
            .refused = refused_,
            .bytes_refused = bytes_refused_};
  }
  std::vector<HostCounts> hosts() const { return hosts_.most_waited_for(SteadyClock::now()); }

 private:
  void run(const std::stop_token& stop) try {
    block_signals();
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_.get()); });
    while (!stop.stop_requested()) {
      accept_submitted(stop);
      start_transfers();
      int running = 0;
      check(curl_multi_perform(multi_.get(), &running));
      end_transfers(stop);
      end_late_transfers(stop);
      const bool is_busy = idle_.size() < transfers_.size();
      check(curl_multi_poll(multi_.get(), nullptr, 0, is_busy ? kTick : kPollLimit, nullptr));
    }
  } catch (const std::exception&) {
    handler_({.body = std::current_exception()});
  }

  /// Web requests to the queue, local files to their threads; bad URLs are answered on the spot.
  void accept_submitted(const std::stop_token& stop) {
    std::vector<Request> requests;
    {
      const std::lock_guard lock(mutex_);
      requests.swap(submitted_);
    }
    const auto now = SteadyClock::now();
    for (Request& request : requests) {
      if (stop.stop_requested()) return;
      auto parsed = parse_url(request.url);
      if (auto* failure = std::get_if<Failure>(&parsed)) {
        handler_({request.ticket, std::move(*failure)});
        continue;
      }
      Url& url = std::get<Url>(parsed);
      if (auto error = locate(url)) {
        handler_({request.ticket, std::move(error)});
      } else if (url.local) {
        files_.push({std::move(request), std::move(url)});
      } else if (url.range && url.range->size() > limits_.max_bytes) {
        handler_({request.ticket, Failure{Fault::kTooLargeByHead, fmt::format("a part of {} bytes is over {}",
                                                                              url.range->size(), limits_.max_bytes)}});
      } else {
        waiting_.push({.request = std::move(request), .url = std::move(url), .asked = now});
      }
    }
  }

  /// Where an object of S3 is. What says so is read at the first one: nobody else need have it in order.
  std::exception_ptr locate(Url& url) try {
    if (!url.in_bucket) return nullptr;
    if (!s3_) s3_.emplace();
    url = s3_->locate(url);
    return nullptr;
  } catch (const std::invalid_argument&) {
    return std::current_exception();
  }

  void answer_with_file(const Job& job) {
    static const std::string kFiles = "local files";
    const auto begun = SteadyClock::now();
    hosts_.begin(kFiles, begun);
    Answer answer{.ticket = job.request.ticket, .body = {}};
    try {
      if (limits_.look > 0) {
        answer = look_at_file(job);
      } else {
        std::visit([&](auto&& body) { answer.body = std::move(body); },
                   read_local_file(job.url.target, limits_.max_bytes, job.url.range));
      }
    } catch (const std::exception&) {
      answer.body = std::current_exception();
    }
    const auto* body = std::get_if<std::vector<std::byte>>(&answer.body);
    hosts_.end(kFiles, begun, begun, SteadyClock::now(), body != nullptr, body ? body->size() : 0);
    handler_(std::move(answer));
  }

  Answer look_at_file(const Job& job) const {
    const auto size = local_file_size(job.url.target, limits_.max_bytes, job.url.range);
    if (const auto* failure = std::get_if<Failure>(&size)) return {job.request.ticket, *failure};
    Answer looked{.ticket = job.request.ticket, .body = {}};
    looked.told.bytes = static_cast<int64_t>(std::get<uint64_t>(size));
    return looked;
  }

  void start_transfers() {
    while (!idle_.empty()) {
      auto job = waiting_.pop();
      if (!job) return;
      if (auto known = health_.find(job->url.host); known != health_.end()) {
        if (auto failure = known->second.refuse(SteadyClock::now())) {
          waiting_.done(job->url.host);
          handler_({job->request.ticket, std::move(*failure)});
          continue;
        }
      }
      if (auto failure = refuse_unseen(job->url, limits_)) {
        waiting_.done(job->url.host);
        handler_({job->request.ticket, std::move(*failure)});
        continue;
      }
      Transfer& transfer = *idle_.back();
      idle_.pop_back();
      const bool ask_head = !job->url.range && asks_head(job->url.host);
      job->begun = SteadyClock::now();
      hosts_.begin(job->url.host, job->begun);
      transfer.begin(std::move(*job), ask_head);
      add(transfer);
    }
  }

  void add(Transfer& transfer) {
    if (!transfer.is_redirected()) ++(transfer.is_head() ? heads_ : gets_);
    check(curl_multi_add_handle(multi_.get(), transfer.handle()));
  }

  void end_transfers(const std::stop_token& stop) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (stop.stop_requested()) return;
      end_transfer(message->easy_handle, message->data.result);
    }
  }

  void end_late_transfers(const std::stop_token& stop) {
    const auto now = SteadyClock::now();
    if (now < next_look_) return;
    next_look_ = now + std::chrono::milliseconds(kTick);
    for (const auto& transfer : transfers_) {
      if (stop.stop_requested()) return;
      if (transfer->is_running() && transfer->is_late(now)) end_transfer(transfer->handle(), CURLE_OPERATION_TIMEDOUT);
    }
  }

  void end_transfer(CURL* handle, CURLcode result) {
    Transfer* transfer = nullptr;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
    count(handle);
    check(curl_multi_remove_handle(multi_.get(), handle));
    auto answer = transfer->end(result);
    if (!answer) return add(*transfer);
    learn(*transfer, std::get_if<Failure>(&answer->body));
    account(transfer->job(), std::get_if<std::vector<std::byte>>(&answer->body));
    waiting_.done(transfer->job().url.host);
    idle_.push_back(transfer);
    start_transfers();
    handler_(std::move(*answer));
  }

  int limit_of(const std::string& host) const {
    const auto known = health_.find(host);
    return known == health_.end() ? HostHealth::kMost : known->second.limit();
  }

  bool asks_head(const std::string& host) const {
    if (limits_.look > 0) return true;
    if (limits_.head == HeadCheck::kAuto) return !tell_length_.contains(host);
    return limits_.head == HeadCheck::kAlways;
  }

  void learn(const Transfer& ended, const Failure* failure) {
    const std::string& host = ended.job().url.host;
    note(host, failure);
    if (ended.job().url.range) return;
    if (failure && failure->fault == Fault::kTooLargeByHead) {
      ++refused_;
      bytes_refused_ += ended.promised();
    } else if (!failure && ended.told_length()) {
      if (tell_length_.size() >= kMostHosts) tell_length_.clear();
      tell_length_.insert(host);
    } else if (!failure || failure->fault == Fault::kTooLargeInBody) {
      tell_length_.erase(host);
    }
  }

  /// Remembers hosts that are not well. More than kMostHosts of them are no news about any one: start again.
  void note(const std::string& host, const Failure* failure) {
    if (health_.size() >= kMostHosts) health_.clear();
    HostHealth& health = health_[host];
    failure ? health.note_failure(*failure, SteadyClock::now()) : health.note_answer();
    if (health.is_well()) health_.erase(host);
  }

  void account(const Job& job, const std::vector<std::byte>* body) {
    hosts_.end(job.url.host, job.asked, job.begun, SteadyClock::now(), body != nullptr, body ? body->size() : 0);
  }

  void count(CURL* handle) {
    long opened = 0;
    curl_easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &opened);
    connections_ += static_cast<uint64_t>(opened);
    curl_off_t bytes = 0;
    curl_easy_getinfo(handle, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    bytes_ += static_cast<uint64_t>(bytes);
  }

  const HttpLimits limits_;
  const Handler handler_;
  std::atomic<uint64_t> heads_ = 0, gets_ = 0, bytes_ = 0, connections_ = 0, refused_ = 0, bytes_refused_ = 0;
  HostTable hosts_;
  std::mutex mutex_;  // guards submitted_
  std::vector<Request> submitted_;
  std::unordered_map<std::string, HostHealth> health_;  ///< of hosts that are not well
  std::unordered_set<std::string> tell_length_;         ///< hosts whose GET tells a length that is true
  std::optional<S3> s3_;
  HostQueue waiting_;
  CurlMulti multi_;
  std::vector<std::unique_ptr<Transfer>> transfers_;  ///< after multi_: a handle that is freed leaves its loop
  std::vector<Transfer*> idle_;
  SteadyClock::time_point next_look_;  ///< for answers that are late
  Readers<Job> files_;
  std::jthread thread_;  ///< last, so that it is stopped and joined before anything that it uses goes
};

HttpSource::HttpSource(const HttpLimits& limits, Handler handler)
    : loop_(std::make_unique<Loop>(limits, std::move(handler))) {}
HttpSource::~HttpSource() = default;
void HttpSource::submit(Request request) { loop_->submit(std::move(request)); }
SourceCounts HttpSource::counts() const { return loop_->counts(); }
std::vector<HostCounts> HttpSource::hosts() const { return loop_->hosts(); }

}  // namespace atelier
