#include "data/opt_out.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

TEST(OptOut, IsAskedForByFourWordsInAnyCompany) {
  for (const char* value : {"noai", "noimageai", "noindex", "none", " NoAI \r\n", "nofollow, noai", "all,noimageai,x",
                            "unavailable_after: 25 Jun 2030 15:00:00 PST, noindex", "atelier: noai", "*: noindex",
                            "otherbot: nofollow, atelier: nofollow, noai"})
    EXPECT_TRUE(opts_out(value)) << value;
}

TEST(OptOut, IsNotWhatOtherRulesOrOtherRobotsAreTold) {
  for (const char* value : {"", "all", "nofollow", "noarchive, nosnippet", "noaircraft", "max-image-preview: none",
                            "otherbot: noindex", "otherbot: nofollow, noindex", ",,", ":"})
    EXPECT_FALSE(opts_out(value)) << value;
}

}  // namespace
}  // namespace atelier
