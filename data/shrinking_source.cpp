#include "data/shrinking_source.h"

#include <exception>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/files.h"
#include "data/develop.h"
#include "data/readers.h"
#include "images/shrink_file.h"

namespace atelier {

class ShrinkingSource::Work {
 public:
  Work(const Shrinking& shrinking, int threads, std::shared_ptr<const Manifest> manifest, const MakeSource& make_other,
       Handler handler)
      : shrinking_(shrinking),
        manifest_(std::move(manifest)),
        handler_(std::move(handler)),
        workers_(threads, [this](Answer answer) { shrink(std::move(answer)); }),
        other_(make_other([this](Answer answer) { workers_.push(std::move(answer)); })) {}

  void submit(Request request) {
    {
      const std::lock_guard lock(mutex_);
      asked_.emplace(request.ticket, request.item);
    }
    other_->submit(std::move(request));
  }
  const Source& other() const { return *other_; }

 private:
  void shrink(Answer answer) {
    try {
      const auto* bytes = std::get_if<std::vector<std::byte>>(&answer.body);
      if (!std::holds_alternative<std::exception_ptr>(answer.body)) {
        const Item item = take_item(answer.ticket);
        if (bytes) take(answer, item);
      }
    } catch (const std::exception&) {
      answer.body = std::current_exception();
    }
    handler_(std::move(answer));
  }

  Item take_item(uint64_t ticket) {
    const std::lock_guard lock(mutex_);
    return asked_.extract(ticket).mapped();
  }

  void take(Answer& answer, const Item& item) const {
    auto& bytes = std::get<std::vector<std::byte>>(answer.body);
    if (!item.condition) {
      if (auto failure = check_sha256(bytes, manifest_->entry(item.row).sha256)) {
        answer.body = *std::move(failure);
        return;
      }
    }
    answer.is_original = false;
    auto smaller = shrink_file(bytes, shrinking_.side, shrinking_.quality);
    if (const auto* failure = std::get_if<DecodeFailure>(&smaller)) {
      answer.body = *failure_of(*failure, item.condition ? "condition: " : "");
    } else if (auto& file = std::get<0>(smaller)) {
      bytes = *std::move(file);
    }
  }

  const Shrinking shrinking_;
  const std::shared_ptr<const Manifest> manifest_;
  const Handler handler_;
  std::mutex mutex_;                          // guards asked_
  std::unordered_map<uint64_t, Item> asked_;  // by ticket
  Readers<Answer> workers_;
  std::unique_ptr<Source> other_;  ///< last, so that it is gone before the workers
};

ShrinkingSource::ShrinkingSource(const Shrinking& shrinking, int threads, std::shared_ptr<const Manifest> manifest,
                                 const MakeSource& make_other, Handler handler)
    : work_(std::make_unique<Work>(shrinking, threads, std::move(manifest), make_other, std::move(handler))) {}
ShrinkingSource::~ShrinkingSource() = default;
void ShrinkingSource::submit(Request request) { work_->submit(std::move(request)); }
SourceCounts ShrinkingSource::counts() const { return work_->other().counts(); }
std::vector<HostCounts> ShrinkingSource::hosts() const { return work_->other().hosts(); }

}  // namespace atelier
