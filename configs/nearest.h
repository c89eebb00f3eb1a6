#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Help for a mistyped name.
namespace atelier {

/// The number of single-character insertions, deletions, replacements and swaps of neighbours between two words
/// (Damerau 1964, in the restricted form known as optimal string alignment).
size_t edit_distance(std::string_view from, std::string_view to);

/// The candidates nearest to `name`, as "a", "a or b" or "a, b or c". A candidate is as near as the whole of it or what
/// follows its last dot, whichever is nearer, so that "threads" finds data.threads. Equally near ones in their order,
/// at most three. Needs at least one candidate.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace atelier
