#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "data/list_rows.h"

namespace atelier {

/// What is remembered of a row, so that the list need not be read again.
struct RowMark {
  uint64_t offset = 0;  ///< of the row's first byte in the text
  int32_t label = -1;   ///< which of the labels that go with it; -1: none
  uint32_t group = 0;   ///< a keyed hash of the row's group, in [0, 2^32): where the group stands in a split
};

/// Neighbouring rows of a list.
struct Stretch {
  std::vector<RowMark> marks;
  std::vector<std::string> labels;  ///< distinct; what `label` of the marks counts
  size_t begin = 0, end = 0;        ///< in the text
};

/// What is wrong with a row, as a clause, and where in the text it begins.
struct BadRow : std::invalid_argument {
  BadRow(size_t begin, const std::string& clause) : std::invalid_argument(clause), offset(begin) {}
  size_t offset;
};

/// Reads and checks every row of a list, on all cores where a row is a line, and hands them over in order, on the
/// calling thread. Holds a few stretches of about 8 MiB of text at a time.
///   text  that of `rows`
/// Throws BadRow for the first row that is wrong, and text that is not UTF-8.
void scan_list(const ListRows& rows, std::string_view text, const std::function<void(const Stretch&)>& take);

}  // namespace atelier
