#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "data/failure.h"
#include "tests/support/loopback_server.h"

/// Web servers that misbehave, each row of a list in its own way, and what each way must lead to.
///
///   ChaosServer web(seed, 100, misbehaviours({Needs::kNothing}), picture);
///   stream the list of web.url(0) .. web.url(99)
///   web.kind(row).verdict says what must have become of a row
namespace atelier::test {

/// How a stream must be set for a kind's outcome to be certain, however slow the machine is.
enum class Needs {
  kNothing,        ///< fails at most once as if it might heal: one more try is always made, and goes well
  kShortDeadline,  ///< fails for ever as if it might heal: the verdict comes when data.sample_deadline has passed
  kLongDeadline,   ///< heals, but not at the next try, or not at once
  kShortTimeouts,  ///< does not answer: a verdict when the time of two tries is up, which nothing good may ever take
  kHead,           ///< HEAD says what GET does not; the outcome is that of data.head always
  kOneAddress,     ///< leads to other addresses of this machine: the source may connect to 127.0.0.1 alone
};

/// One exchange with a row that misbehaves.
struct Visit {
  const HttpRequest& request;
  HttpReply& reply;
  const std::string& image;    ///< the row's own
  const std::string& another;  ///< what must never be taken for it
  std::string path;            ///< behind the row's number, as it came
  std::string elsewhere;       ///< the row on the next host, without a path
  int asked;                   ///< requests for this row in this leg, this one included
  int gets;                    ///< GETs of them

  bool is_head() const { return request.method == "HEAD"; }
  bool is_first_get() const { return !is_head() && gets == 1; }
};

struct Misbehaviour {
  const char* name;
  std::optional<Fault> verdict;  ///< nothing: the image is delivered
  Needs needs;
  void (*answer)(Visit& visit);
  const char* path = "/image.png";  ///< as it stands in the list
};

/// Every kind that needs one of `needs`.
std::vector<const Misbehaviour*> misbehaviours(const std::vector<Needs>& needs);

/// Several hosts (ports of 127.0.0.1), of which the last is slow. What a row answers is a function of (seed, row, how
/// often the row was asked in this leg).
class ChaosServer {
 public:
  using Picture = std::function<std::string(uint64_t row)>;

  /// Every one of `kinds` is at least one row's; of the rows left, half are good and the others drawn from the kinds
  /// that need nothing. No kinds: all rows are good. Throws std::invalid_argument when there are too few rows.
  ChaosServer(uint64_t seed, uint64_t rows, const std::vector<const Misbehaviour*>& kinds, Picture picture);
  ~ChaosServer();

  uint64_t rows() const { return kinds_.size(); }
  const Misbehaviour& kind(uint64_t row) const { return *kinds_[row]; }
  std::string url(uint64_t row) const;

  /// A new leg: no row has been asked yet, and no host is down.
  void reset();
  /// From its `request`-th request in this leg on, host 0 is gone for `seconds`: connections are reset, new ones
  /// refused.
  void let_a_host_die(int request, double seconds);
  /// How often a host has died.
  int deaths() const;

 private:
  void answer(size_t host, const HttpRequest& request, HttpReply& reply);
  /// Counts a request for host 0; true while it is dead.
  bool is_dead();

  const Picture picture_;
  std::vector<const Misbehaviour*> kinds_;
  struct Asked {
    int all = 0, gets = 0;
  };
  mutable std::mutex mutex_;        // guards the seven below
  std::vector<std::string> roots_;  // of the hosts' urls
  std::vector<Asked> asked_;
  int requests_to_mortal_ = 0, dies_at_ = 0, deaths_ = 0;
  double death_seconds_ = 0;
  std::jthread resurrection_;
  std::vector<std::unique_ptr<LoopbackServer>> hosts_;  ///< last: their threads use all of it
};

}  // namespace atelier::test
