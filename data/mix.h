#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/strata.h"

namespace atelier {

/// Several lists that are streamed together, each with its share of the samples. docs/list-format.md has the format of
/// the file.
struct Mix {
  std::vector<std::string> lists;     ///< as data.list takes them; relative paths resolved against the mix's folder
  std::vector<Weighting> weightings;  ///< by rising position, the first at 0; one weight a list
};

/// Whether `list` names a mix: a file that ends in .mix.
bool is_mix(const std::string& list);

/// Throws std::invalid_argument, one sentence that names the file and the line.
Mix read_mix(const std::filesystem::path& file);

}  // namespace atelier
