#include "models/device.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

namespace atelier {
namespace {

TEST(FixArithmetic, ComputesFloat32OnAGpuInFloat32) {
  fix_arithmetic(1);
  const at::Context& context = at::globalContext();
  EXPECT_FALSE(context.allowTF32CuDNN());
  EXPECT_FALSE(context.allowTF32CuBLAS());
}

}  // namespace
}  // namespace atelier
