#pragma once

#include <memory>

#include "data/manifest.h"
#include "data/source.h"

namespace atelier {

/// What becomes of pictures on their way into a store.
struct Shrinking {
  int side = 0;      ///< pixels of the shorter edge; larger pictures are made as small, as JPEG
  int quality = 90;  ///< of that JPEG, 1..100
};

/// The pictures of another source, made smaller on threads of its own. A list's sha256 is checked here, against the
/// bytes as they came; the answers say that it no longer fits (Answer::is_original). Conditions are made smaller like
/// images.
class ShrinkingSource : public Source {
 public:
  /// `threads`: as many pictures at once
  ShrinkingSource(const Shrinking& shrinking, int threads, std::shared_ptr<const Manifest> manifest,
                  const MakeSource& make_other, Handler handler);
  ~ShrinkingSource() override;
  void submit(Request request) override;
  SourceCounts counts() const override;
  std::vector<HostCounts> hosts() const override;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace atelier
