#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/manifest.h"
#include "data/source.h"
#include "data/store.h"

namespace atelier {

/// Bodies from a store; what it does not hold comes from another source, and is added to the store on its way.
///
/// Bodies gather in memory until they make a shard (kShardBytes); the rest is sealed when the source goes, which may
/// take as long as writing a shard does. An answer from the other source goes on once its body has been taken, so a
/// slow disk slows the stream down instead of filling memory. When the store cannot be written, `failed` is told once,
/// on a thread of the source, and the stream goes on without adding.
class StoredSource : public Source {
 public:
  static constexpr size_t kShardBytes = size_t{64} << 20;

  struct Options {
    uint64_t max_bytes = 10'485'760;  ///< of a body
    int readers = 4;                  ///< threads that read the store
    bool adds = true;                 ///< false: what comes from the other source is not kept
    std::function<void(const std::string& sentence)> failed = {};
  };

  /// Without `make_other` the store is all there is: what it does not hold is kMissingFile.
  StoredSource(std::shared_ptr<Store> store, std::shared_ptr<const Manifest> manifest, Options options,
               const MakeSource& make_other, Handler handler);
  ~StoredSource() override;
  void submit(Request request) override;
  SourceCounts counts() const override;
  std::vector<HostCounts> hosts() const override;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace atelier
