#pragma once

#include <string>
#include <sys/socket.h>

namespace atelier {

/// Whether an address is on the public internet: not loopback, private (RFC 1918, RFC 4193), link-local, carrier-grade
/// NAT, multicast, documentation, benchmark, unspecified or otherwise reserved; IPv4 inside IPv6 (mapped, 6to4, NAT64)
/// is judged as the IPv4 address it carries. Unknown families are not public.
bool is_public(const sockaddr& address, socklen_t length);

/// Any address at all: for lists on the user's own machines.
inline bool is_any(const sockaddr&, socklen_t) { return true; }

/// The address in text, for messages: "127.0.0.1", "::1".
std::string address_text(const sockaddr& address, socklen_t length);

}  // namespace atelier
