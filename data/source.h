#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "data/failure.h"

namespace atelier {

/// Names one body of a list: the image of a row, or the input image that goes with it.
struct Item {
  uint64_t row = 0;
  bool condition = false;
};

/// One attempt at the bytes of one item.
struct Request {
  uint64_t ticket = 0;  ///< the caller's name for it, returned with the answer
  std::string url;      ///< http://, https://, s3:// (s3.h), file:// or a path, or a part of it (url.h)
  Item item = {};
};

/// What a server says of the whole file when it sends a part.
struct Whole {
  uint64_t bytes = 0;   ///< 0: it does not say
  std::string version;  ///< changes when the file does: ETag and Last-Modified; empty: it does not say
  bool operator==(const Whole&) const = default;
};

/// What the head of an answer told, for a source that only looks (HttpLimits::look).
struct Told {
  int64_t bytes = -1;     ///< of the whole body, whether or not it is too large; -1: nobody knows
  std::string type = {};  ///< Content-Type in lower case, without its parameters
  double seconds = 0;     ///< that the answer took
  bool by_get = false;    ///< HEAD did not do
  bool stored = false;    ///< it was in a store, whatever its url
};

/// The answer: the whole body, why there is none, or what ended the source itself: then no answer follows, and the
/// ticket means nothing.
struct Answer {
  uint64_t ticket = 0;
  std::variant<std::vector<std::byte>, Failure, std::exception_ptr> body;
  Whole whole = {};  ///< with a part of a file that came over the network
  Told told = {};
  bool is_original = true;  ///< false: the picture, in another file than the url's: its sha256 does not apply
};

/// What a source has done so far.
struct SourceCounts {
  uint64_t heads = 0, gets = 0;
  uint64_t bytes = 0;          ///< of bodies, over the network
  uint64_t connections = 0;    ///< opened; the rest were kept alive
  uint64_t refused = 0;        ///< images that HEAD or the first lines of GET's answer said enough about
  uint64_t bytes_refused = 0;  ///< and the bytes that they promised
  uint64_t stored = 0;         ///< images from a store

  SourceCounts& operator+=(const SourceCounts& other);
};

/// What one host has given so far.
struct HostCounts {
  std::string host;  ///< "example.org:443"; "local files", "the store" and "other hosts" are no hosts but count as one
  uint64_t images = 0;
  uint64_t bytes = 0;  ///< of them
  uint64_t failures = 0;
  double waited = 0;        ///< seconds from the request to its answer, over all; with those spent waiting for its turn
  double transferring = 0;  ///< and without: HEAD and GET alone
  double busy = 0;          ///< seconds in which at least one of its transfers was under way
};

/// The seam to wherever bytes are: one attempt each, no retries (the stream decides about those), no order.
///
/// `submit` never blocks and may be called from any thread; the answer comes exactly once, through the handler that
/// the source was made with, on a thread of the source: the handler must be quick and must not throw. Destruction
/// abandons what is in flight within a second and calls no handler afterwards.
class Source {
 public:
  using Handler = std::function<void(Answer)>;
  virtual ~Source() = default;
  virtual void submit(Request request) = 0;
  /// What it has cost so far. May be called from any thread.
  virtual SourceCounts counts() const { return {}; }
  /// The hosts that were waited for most, at most 20, the worst first. May be called from any thread.
  virtual std::vector<HostCounts> hosts() const { return {}; }
};

inline SourceCounts& SourceCounts::operator+=(const SourceCounts& other) {
  heads += other.heads;
  gets += other.gets;
  bytes += other.bytes;
  connections += other.connections;
  refused += other.refused;
  bytes_refused += other.bytes_refused;
  stored += other.stored;
  return *this;
}

/// Makes a source that answers to `handler`.
using MakeSource = std::function<std::unique_ptr<Source>(Source::Handler handler)>;

}  // namespace atelier
