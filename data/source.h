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
  std::string url;      ///< http://, https://, file:// or a path
  Item item = {};
};

/// What the head of an answer told, for a source that only looks (HttpLimits::look).
struct Told {
  int64_t bytes = -1;     ///< of the whole body, whether or not it is too large; -1: nobody knows
  std::string type = {};  ///< Content-Type in lower case, without its parameters
  double seconds = 0;     ///< that the answer took
  bool by_get = false;    ///< HEAD did not do
};

/// The answer: the whole body, why there is none, or what ended the source itself: then no answer follows, and the
/// ticket means nothing.
struct Answer {
  uint64_t ticket = 0;
  std::variant<std::vector<std::byte>, Failure, std::exception_ptr> body;
  Told told = {};
};

/// What a source has done so far.
struct SourceCounts {
  uint64_t heads = 0, gets = 0;
  uint64_t bytes = 0;          ///< of bodies, over the network
  uint64_t connections = 0;    ///< opened; the rest were kept alive
  uint64_t refused = 0;        ///< images that HEAD or the first lines of GET's answer said enough about
  uint64_t bytes_refused = 0;  ///< and the bytes that they promised
  uint64_t stored = 0;         ///< images from a store
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
};

/// Makes a source that answers to `handler`.
using MakeSource = std::function<std::unique_ptr<Source>(Source::Handler handler)>;

}  // namespace atelier
