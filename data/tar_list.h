#pragma once

#include <functional>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/derived_file.h"

namespace atelier {

/// Tars, local or on web servers, and how a list names them.
struct Tars {
  std::string pattern;             ///< as given: a path or a url, perhaps with braces (braces.h)
  std::filesystem::path folder;    ///< what relative names count from: the folder in front of the first brace
  std::vector<std::string> names;  ///< in order
  bool empty() const { return names.empty(); }
};

/// The tars that `list` names; empty: it names something else. Throws std::invalid_argument, one sentence, for wrong
/// braces and for compressed tars.
Tars tars_of(const std::string& list);

/// The list of the samples in `tars`: a row each, whose url is the tar's name with the range of the image's bytes. It
/// follows from the names and from what is in the tars, not from where the folder is.
///
/// A tar's headers are read on first contact and kept in an index (tar_index.h), beside it or, for one that is on a
/// server or in a folder that cannot be written, in the cache folder; it is made anew when the tar's size or time (of a
/// server: what it says of them) has changed, and with `data.verify_list`. Several tars are read at once, those on
/// servers by ranges of kWindow bytes as `data` says.
///
/// Throws std::invalid_argument, one sentence that names the tar and the byte, for a tar that is missing, damaged or no
/// tar, for a server that knows no ranges, and where no tar has an image; std::runtime_error where a server cannot be
/// reached for data.sample_deadline.
///   progress  called now and then, on the same thread; it may throw
DerivedList list_of_tars(const Tars& tars, const DataConfig& data, const std::function<void(double share)>& progress);

}  // namespace atelier
