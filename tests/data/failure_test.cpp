#include "data/failure.h"

#include <gtest/gtest.h>
#include <set>

namespace atelier {
namespace {

TEST(Failure, GivesEveryFaultANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < kFaultCount; ++i) names.insert(fault_name(static_cast<Fault>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(kFaultCount));
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(fault_name(Fault::kTooLargeByHead), "too-large-by-head");
  EXPECT_EQ(fault_name(Fault::kChecksum), "checksum");
}

}  // namespace
}  // namespace atelier
