#include "models/recompute.h"

#include <ATen/autocast_mode.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>
#include <memory>

#include "models/unet.h"

namespace atelier {
namespace {

UNet unet_of(bool recomputes) {
  UNet unet(ModelSpec{.image_size = 16,
                      .condition = "none",
                      .labels = {"chair", "table"},
                      .channels = 8,
                      .levels = 2,
                      .blocks = 2,
                      .attention_size = 8});
  initialise_weights(*unet, 3);
  unet->recomputes = recomputes;
  return unet;
}

torch::Tensor loss_of(UNet& unet) {
  const std::vector<uint64_t> positions{10, 11, 12, 13};
  const torch::Tensor x = keyed_normal(1, positions, Purpose::kNoise, {3, 16, 16}, torch::kCPU);
  const torch::Tensor noise = torch::tensor({-1.0F, -0.2F, 0.3F, 1.1F});
  return unet->forward(x, noise, torch::tensor({0, 1, -1, 0}, torch::kInt64), {}, {0.3, 9, positions}).square().mean();
}

/// Bytes of tensors on this thread: those that it has allocated less those that are gone.
class Meter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override { live += bytes; }
  void reportOutOfMemory(int64_t, size_t, size_t, c10::Device) override {}
  bool memoryProfilingEnabled() const override { return true; }
  int64_t live = 0;
};

int64_t bytes_kept_by(UNet& unet) {
  const auto meter = std::make_shared<Meter>();
  const c10::DebugInfoGuard watched(c10::DebugInfoKind::PROFILER_STATE, meter);
  const torch::Tensor loss = loss_of(unet);
  return meter->live;
}

/// The largest difference, as a share of the largest number.
double apart(const torch::Tensor& one, const torch::Tensor& other) {
  return ((one - other).abs().max() / other.abs().max()).item<double>();
}

void expect_same_gradients(bool autocast) {
  UNet plain = unet_of(false), recomputing = unet_of(true);
  for (UNet* unet : {&plain, &recomputing}) {
    at::autocast::set_autocast_enabled(at::kCPU, autocast);
    const torch::Tensor loss = loss_of(*unet);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    loss.backward();
  }
  const auto wanted = plain->named_parameters();
  for (const auto& parameter : recomputing->named_parameters())
    EXPECT_LE(apart(parameter.value().grad(), wanted[parameter.key()].grad()), autocast ? 3e-2 : 1e-5)
        << parameter.key();
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU)) << "the backward pass puts back what it found";
  EXPECT_TRUE(at::autocast::is_autocast_cache_enabled());
}

TEST(Recomputed, GivesTheSameLossAndGradients) {
  UNet plain = unet_of(false), recomputing = unet_of(true);
  EXPECT_TRUE(torch::equal(loss_of(plain), loss_of(recomputing)));
  expect_same_gradients(/*autocast=*/false);
}

TEST(Recomputed, ComputesUnderTheSameAutocast) {
  expect_same_gradients(/*autocast=*/true);
  const torch::Tensor x = torch::ones({2}).requires_grad_();
  std::vector<bool> enabled, cached;
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const torch::Tensor sum = recomputed({x}, [&](const std::vector<torch::Tensor>& in) {
                              enabled.push_back(at::autocast::is_autocast_enabled(at::kCPU));
                              cached.push_back(at::autocast::is_autocast_cache_enabled());
                              return in[0] * 2;
                            }).sum();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  sum.backward();
  EXPECT_EQ(enabled, (std::vector<bool>{true, true})) << "forward and backward";
  EXPECT_EQ(cached, (std::vector<bool>{false, false}));
}

TEST(Recomputed, KeepsAFractionOfTheActivations) {
  UNet plain = unet_of(false), recomputing = unet_of(true);
  const int64_t all = bytes_kept_by(plain), some = bytes_kept_by(recomputing);
  EXPECT_GT(some, 0);
  EXPECT_LT(some, all / 3) << all;
}

TEST(Recomputed, HandsGradientsToItsInputsToo) {
  const torch::Tensor x = torch::tensor({1.0F, 2.0F}).requires_grad_(), fixed = torch::tensor({3.0F, 4.0F});
  recomputed({x, fixed}, [](const std::vector<torch::Tensor>& in) { return in[0].square() * in[1]; }).sum().backward();
  EXPECT_TRUE(torch::equal(x.grad(), torch::tensor({6.0F, 16.0F})));
  EXPECT_FALSE(fixed.grad().defined());
}

}  // namespace
}  // namespace atelier
