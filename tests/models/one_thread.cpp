#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

namespace atelier {
namespace {

/// Tiny tensors gain nothing from threads, and on a busy machine OpenMP's threads spend the time waiting for each
/// other.
class OneThread : public testing::Environment {
 public:
  void SetUp() override { torch::set_num_threads(1); }
};

[[maybe_unused]] const testing::Environment* const kOneThread = testing::AddGlobalTestEnvironment(new OneThread);

}  // namespace
}  // namespace atelier
