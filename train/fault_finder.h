#pragma once

#include <c10/util/ThreadLocalDebugInfo.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/objective.h"

namespace atelier {

/// Where numbers first stopped being finite.
struct FaultPlace {
  enum class Pass { kForward, kBackward, kWeights };

  Pass pass = Pass::kForward;  ///< kWeights: a weight is not finite itself, before anything was computed
  std::string module;     ///< "generator.decoder.0.conv"; of kWeights the weight's own name; empty: before any module
  bool follows = false;   ///< the operator has no weights: it comes after that module (in the forward pass)
  std::string operation;  ///< LibTorch's name of the operator, such as aten::convolution; empty for kWeights

  /// "in generator.decoder.0.conv (aten::convolution), forward"
  std::string text() const;
};

/// "forward", "backward" or "weights".
const char* pass_name(FaultPlace::Pass pass);

/// While it lives, the operators of this thread, and of the backward passes that it starts, are watched: the first one
/// that makes a number that is not finite from numbers that are is found, and the module whose weights it uses names
/// it. That is slow, several times the work itself, and waits for the device at every operator; where none lives,
/// nothing is watched and nothing costs. It changes no result.
///
/// One at a time on a thread; its end is on the thread of its beginning.
class FaultFinder {
 public:
  /// `players` own the modules; names begin with theirs. Looks at all their weights first.
  explicit FaultFinder(const std::vector<Player>& players);
  ~FaultFinder();
  FaultFinder(const FaultFinder&) = delete;
  FaultFinder& operator=(const FaultFinder&) = delete;

  /// From here on operators are of the backward pass.
  void turn_back();

  /// What was found up to now; nothing: all numbers were finite.
  std::optional<FaultPlace> place() const;

 private:
  class Watch;
  std::shared_ptr<Watch> watch_;
  c10::DebugInfoGuard watched_;  // hands watch_ on to the threads of the backward pass, as callback_ is
  uint64_t callback_;
};

}  // namespace atelier
