#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "data/source.h"
#include "data/tar_samples.h"

/// The samples of one tar, kept in a file so that its headers are read only once. docs/tar-index.md has the format.
namespace atelier {

/// The head of an index.
struct TarIndex {
  Whole tar;  ///< as it was when the index was made
  uint64_t samples = 0, without_image = 0, unreadable = 0;
  std::string example;  ///< as in TarSamples
  std::string sha256;   ///< of the rows
};

/// Size and time of a local tar. Throws std::invalid_argument for what is no file.
Whole look_at(const std::filesystem::path& tar);

/// The bytes of an index.
std::string to_text(const Whole& tar, const TarSamples& samples);

/// An index that is whole and of the tar as it is now; nothing: there is none.
///   rows  takes TarSamples::rows; nullptr: nobody wants them
std::optional<TarIndex> open_tar_index(const std::filesystem::path& file, const Whole& tar,
                                       std::string* rows = nullptr);

}  // namespace atelier
