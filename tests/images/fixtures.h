#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "images/image.h"

/// The pictures of tests/images/data; make_fixtures.py made them.
namespace atelier::fixtures {

inline std::filesystem::path folder() { return std::filesystem::path(ATELIER_SOURCE_DIR) / "tests/images/data"; }

inline std::vector<std::byte> bytes(const std::string& name) {
  const std::string text = read_file(folder() / name);
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

/// What decode() has to return for `name`.
inline Image expected(const std::string& name) {
  std::ifstream file(folder() / (name + ".ppm"), std::ios::binary);
  std::string magic;
  int width = 0, height = 0, largest = 0;
  file >> magic >> width >> height >> largest;
  file.get();
  Image image(width, height);
  file.read(reinterpret_cast<char*>(image.rgb.data()), static_cast<std::streamsize>(image.rgb.size()));
  return image;
}

}  // namespace atelier::fixtures
