#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/spec.h"

namespace atelier::test {

/// A folder of this test alone, removed when the object goes.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Networks so small that a picture takes milliseconds.
ModelSpec tiny_diffusion(const std::string& condition = "none");
ModelSpec tiny_pix2pix();

/// Writes RUN/positions/NNNNNNNNNNNN with the untrained weights of `spec`, raw and averaged (these from another seed,
/// so that the two differ), as a trainer does: the averages hold the averaged players only. Returns the folder.
std::filesystem::path write_checkpoint(const std::filesystem::path& run_dir, const ModelSpec& spec,
                                       uint64_t position = 320);

/// Writes state.json of `folder` anew, with the hashes of whatever lies there now.
void seal(const std::filesystem::path& folder, uint64_t position = 320);

/// A weights file of one tensor, with this metadata: what some other program may have left.
void write_weights(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata);

void write_text(const std::filesystem::path& path, const std::string& text);
std::string read_text(const std::filesystem::path& path);

/// A brown chair on white, seen from the front, as a PNG file of width x height pixels.
void write_chair(const std::filesystem::path& path, int width = 64, int height = 64);

}  // namespace atelier::test
