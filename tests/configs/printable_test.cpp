#include "configs/printable.h"

#include <gtest/gtest.h>

namespace atelier::test {
namespace {

TEST(Printable, WordsStayAsTheyAre) {
  for (const char* text : {"", "chair", "Stühle, 椅子 and 🪑", "a\\b \"c\"", "\u00a0\u2013"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, WhatMovesTheCursorOrTurnsTheTextShowsItsBytes) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\n\t\x7f"), "a\\x1b[2Jb\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable("\u009b31m"), "\\xc2\\x9b31m");
  EXPECT_EQ(printable("a\u202eb\u2066c\u200fd"), "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c\\xe2\\x80\\x8fd");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "\\x00x");
}

TEST(Printable, BytesThatAreNoTextShowThemselves) {
  EXPECT_EQ(printable("\xff\xc3é\xe2\x82"), "\\xff\\xc3é\\xe2\\x82");
}

TEST(FirstLine, LeavesOutWhatFollows) {
  EXPECT_EQ(first_line("out of memory\nException raised from"), "out of memory");
  EXPECT_EQ(first_line("out of memory"), "out of memory");
  EXPECT_EQ(first_line(""), "");
}

}  // namespace
}  // namespace atelier::test
