#pragma once

#include <string_view>

namespace atelier {

/// Whether the value of an X-Robots-Tag header asks not to be used here: one of noai, noimageai, noindex or none, for
/// everybody or for "atelier". Rules for another robot ("otherbot: noindex") say nothing about us.
bool opts_out(std::string_view robots_tag);

}  // namespace atelier
