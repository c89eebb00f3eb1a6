#pragma once

#include <cstddef>
#include <deque>

namespace atelier {

/// Counts positions, in their order, whose first choice had no image, and tells when they are too many of the last
/// 10,000. A few failures at the very start say nothing, so it is silent before 100 positions.
class FailureRate {
 public:
  static constexpr size_t kWindow = 10'000;
  static constexpr size_t kJudgedFrom = 100;

  explicit FailureRate(double limit) : limit_(limit) {}

  /// True while the run may go on.
  bool count(bool failed) {
    recent_.push_back(failed);
    failed_ += failed;
    if (recent_.size() > kWindow) {
      failed_ -= recent_.front();
      recent_.pop_front();
    }
    return recent_.size() < kJudgedFrom || static_cast<double>(failed_) <= limit_ * static_cast<double>(recent_.size());
  }

  size_t failed() const { return failed_; }
  size_t counted() const { return recent_.size(); }

 private:
  const double limit_;
  std::deque<bool> recent_;
  size_t failed_ = 0;
};

}  // namespace atelier
