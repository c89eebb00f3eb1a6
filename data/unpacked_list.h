#pragma once

#include <filesystem>
#include <functional>

namespace atelier {

/// The file with the text of a list: the list itself, or, for one that is packed (NAME.csv.gz, NAME.jsonl.zst, ...),
/// LIST.unpacked/NAME.csv, where it is unpacked once. It is unpacked again when size, time or samples of the packed
/// file tell that it has changed. The folder appears whole or not at all, beside the list or in the user's cache folder
/// (derived_file.h).
///
/// A list that grows to more than 1,000 times its packed size is refused, and so is one that would leave less than 1
/// GiB of the disk free.
///   verify    unpack it anew, even if what is there looks right
///   progress  called now and then with the share that is done
/// Throws std::invalid_argument with one sentence that names the list, and std::system_error where it cannot be read.
std::filesystem::path text_file_of(const std::filesystem::path& list, bool verify,
                                   const std::function<void(double share)>& progress);

}  // namespace atelier
