#pragma once

#include <string>
#include <vector>

namespace atelier {

/// What a shell makes of `shards/{000..012}.tar` and `{a,b}-{1..9}.tar`: each pair of braces holds alternatives, or a
/// range of whole numbers, which keeps its zeros; several pairs give every combination, the last running fastest. A
/// text without braces is itself.
///
/// Throws std::invalid_argument with one sentence for a brace that never closes or closes nothing, for braces inside
/// braces, for what is neither kind, and for more than 1,000,000 results.
std::vector<std::string> expand_braces(const std::string& pattern);

}  // namespace atelier
