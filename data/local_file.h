#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "data/byte_range.h"
#include "data/failure.h"

namespace atelier {

/// The bytes of a local image file, or of a part of it, at most `max_bytes`. Regular files only, links followed: a FIFO
/// or a device is kMissingFile and never blocks. A size over the cap is kTooLargeByHead before a byte is read; a file
/// that grows past it while it is read is kTooLargeInBody; one that ends before its part does is kTruncated. Transient
/// where another attempt may do: too many open files, a disk error.
std::variant<std::vector<std::byte>, Failure> read_local_file(const std::string& path, uint64_t max_bytes,
                                                              const std::optional<ByteRange>& range = {});

/// The size of such a file or part, without reading it; the same failures, as far as they show without.
std::variant<uint64_t, Failure> local_file_size(const std::string& path, uint64_t max_bytes,
                                                const std::optional<ByteRange>& range = {});

}  // namespace atelier
