#include "data/braces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

std::string complaint(const std::string& pattern) {
  try {
    expand_braces(pattern);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

TEST(Braces, ExpandAsAShellDoes) {
  EXPECT_THAT(expand_braces("s/{000..003}.tar"), ElementsAre("s/000.tar", "s/001.tar", "s/002.tar", "s/003.tar"));
  EXPECT_THAT(expand_braces("{8..11}"), ElementsAre("8", "9", "10", "11"));
  EXPECT_THAT(expand_braces("{18446744073709551615..18446744073709551615}"), ElementsAre("18446744073709551615"));
  EXPECT_THAT(expand_braces("{098..101}"), ElementsAre("098", "099", "100", "101"));
  EXPECT_THAT(expand_braces("{0..1}"), ElementsAre("0", "1"));
  EXPECT_THAT(expand_braces("http://h/{a,b,}-{7..8}.tar?k=1"),
              ElementsAre("http://h/a-7.tar?k=1", "http://h/a-8.tar?k=1", "http://h/b-7.tar?k=1",
                          "http://h/b-8.tar?k=1", "http://h/-7.tar?k=1", "http://h/-8.tar?k=1"));
  EXPECT_THAT(expand_braces("plain.tar"), ElementsAre("plain.tar"));
  EXPECT_THAT(expand_braces(""), ElementsAre(""));
  EXPECT_EQ(expand_braces("{0..999999}").size(), 1'000'000u);
}

TEST(Braces, ThatMakeNoSenseAreOneSentence) {
  EXPECT_EQ(complaint("s/{000..003.tar"), "s/{000..003.tar: a brace opens and never closes");
  EXPECT_EQ(complaint("s/000..003}.tar"), "s/000..003}.tar: a brace closes that none has opened");
  EXPECT_THAT(complaint("{a,{b,c}}"), StartsWith("{a,{b,c}}: braces inside braces"));
  for (const char* inside :
       {"", "a", "a..c", "3..1", "1..", "..1", "-1..3", "1..2..3", "1 ..2", "0..99999999999999999999"})
    EXPECT_THAT(complaint(std::string("{") + inside + "}"), StartsWith(std::string("{") + inside + "}: {")) << inside;
  EXPECT_THAT(complaint("{0..1000000}"), testing::HasSubstr("more than 1000000 names"));
  EXPECT_THAT(complaint("{0..18446744073709551615}"), testing::HasSubstr("more than 1000000 names"));
  EXPECT_THAT(complaint("{0..999}{0..999}{0..1}"), testing::HasSubstr("more than 1000000 names"));
}

}  // namespace
}  // namespace atelier
