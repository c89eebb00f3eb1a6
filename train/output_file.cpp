#include "train/output_file.h"

#include <fmt/format.h>
#include <stdexcept>

namespace atelier {

void check_new_file(const std::filesystem::path& file) {
  if (std::filesystem::exists(file))
    throw std::invalid_argument(fmt::format("{} is there already: name another file, or remove it", file.string()));
  if (!std::filesystem::is_directory(std::filesystem::absolute(file).parent_path()))
    throw std::invalid_argument(fmt::format("the folder of {} is not there: make it, or name another", file.string()));
}

}  // namespace atelier
