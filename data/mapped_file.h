#pragma once

#include <filesystem>
#include <string_view>

namespace atelier {

/// A whole file as memory, read-only, paged in as it is touched. The file must not shrink meanwhile.
class MappedFile {
 public:
  /// Throws std::system_error that names the path when it cannot be opened, or is no regular file.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

}  // namespace atelier
