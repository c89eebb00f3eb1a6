#pragma once

#include <optional>
#include <string>

#include "data/address.h"
#include "data/url.h"

/// A proxy is trusted: it looks names up and connects, so its own address is not judged, and nobody here sees the
/// address behind it. What can still be judged is what a url says by itself.
namespace atelier {

/// `text` as data.proxy takes it: http://, https:// or socks5h:// with a host and a port, and nothing else. Throws
/// std::invalid_argument otherwise, without `text`, which may hold a password.
std::string parse_proxy(const std::string& text);

/// The host of `url` if it is an address that `may_connect` refuses, or a name of this very machine (localhost and
/// what ends in it, RFC 6761).
std::optional<std::string> refused_by_name(const Url& url, bool (*may_connect)(const sockaddr&, socklen_t));

}  // namespace atelier
