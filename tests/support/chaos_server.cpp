#include "tests/support/chaos_server.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

namespace atelier::test {
namespace {

constexpr size_t kHosts = 4;
constexpr size_t kSlowHost = kHosts - 1;
constexpr double kSlowness = 0.005;  ///< seconds before each answer of the slow host

std::string path_of(uint64_t row) { return std::string("/").append(std::to_string(row)); }

/// The kinds of `rows` rows.
std::vector<const Misbehaviour*> deal(uint64_t seed, uint64_t rows, const std::vector<const Misbehaviour*>& kinds) {
  std::mt19937_64 random(seed);  // the same numbers everywhere, unlike those of the standard's distributions
  const std::vector<const Misbehaviour*> harmless = misbehaviours({Needs::kNothing});
  std::vector<const Misbehaviour*> dealt(rows, harmless.front());
  if (kinds.empty()) return dealt;
  if (kinds.size() > rows) throw std::invalid_argument("more kinds of chaos than rows");
  std::ranges::copy(kinds, dealt.begin());
  for (uint64_t row = kinds.size(); row < rows; ++row)
    if (random() % 2 == 0) dealt[row] = harmless[random() % harmless.size()];
  for (uint64_t row = rows - 1; row > 0; --row) std::swap(dealt[row], dealt[random() % (row + 1)]);
  return dealt;
}

}  // namespace

ChaosServer::ChaosServer(uint64_t seed, uint64_t rows, const std::vector<const Misbehaviour*>& kinds, Picture picture)
    : picture_(std::move(picture)), kinds_(deal(seed, rows, kinds)), asked_(rows) {
  for (size_t host = 0; host < kHosts; ++host)
    hosts_.push_back(std::make_unique<LoopbackServer>(
        [this, host](const HttpRequest& request, HttpReply& reply) { answer(host, request, reply); }));
  const std::lock_guard lock(mutex_);
  for (const auto& host : hosts_) roots_.push_back(host->url(""));
}

ChaosServer::~ChaosServer() {
  let_a_host_die(0, 0);
  reset();  // while there is a host to wake
}

std::string ChaosServer::url(uint64_t row) const { return roots_[row % kHosts] + path_of(row) + kinds_[row]->path; }

void ChaosServer::reset() {
  std::jthread ended;  // joined without the lock
  const std::lock_guard lock(mutex_);
  ended.swap(resurrection_);
  asked_.assign(rows(), {});
  requests_to_mortal_ = 0;
}

void ChaosServer::let_a_host_die(int request, double seconds) {
  const std::lock_guard lock(mutex_);
  dies_at_ = request;
  death_seconds_ = seconds;
}

int ChaosServer::deaths() const {
  const std::lock_guard lock(mutex_);
  return deaths_;
}

bool ChaosServer::is_dead() {
  const std::lock_guard lock(mutex_);
  LoopbackServer& mortal = *hosts_.front();
  if (++requests_to_mortal_ != dies_at_) return mortal.is_refusing();
  ++deaths_;
  mortal.refuse(true);
  resurrection_ = std::jthread([&mortal, seconds = death_seconds_](const std::stop_token& stop) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    mortal.refuse(false);
  });
  return true;
}

void ChaosServer::answer(size_t host, const HttpRequest& request, HttpReply& reply) {
  if (host == 0 && is_dead()) return reply.reset();
  if (host == kSlowHost && !reply.wait(kSlowness)) return;
  const uint64_t row = std::stoull(request.path.substr(1));
  const std::string number = path_of(row);
  std::unique_lock lock(mutex_);
  Asked& asked = asked_.at(row);
  ++asked.all;
  asked.gets += request.method == "GET";
  const Asked now = asked;
  const std::string elsewhere = roots_.at((host + 1) % kHosts) + number;
  lock.unlock();
  const std::string image = picture_(row), another = picture_(row + 1'000'000);
  Visit visit{.request = request,
              .reply = reply,
              .image = image,
              .another = another,
              .path = request.path.substr(number.size()),
              .elsewhere = elsewhere,
              .asked = now.all,
              .gets = now.gets};
  kinds_[row]->answer(visit);
}

}  // namespace atelier::test
