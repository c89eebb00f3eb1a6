#include "data/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>

namespace atelier {
namespace {

struct Ipv4Block {
  uint32_t base;  ///< host byte order
  int bits;       ///< length of the prefix
};

/// What IANA's registry of special-purpose IPv4 addresses (RFC 6890 and its updates) takes out of the public space.
constexpr std::array kReservedIpv4 = {
    Ipv4Block{0x00000000, 8},   // 0.0.0.0        "this network", unspecified
    Ipv4Block{0x0a000000, 8},   // 10.0.0.0       private
    Ipv4Block{0x64400000, 10},  // 100.64.0.0     carrier-grade NAT
    Ipv4Block{0x7f000000, 8},   // 127.0.0.0      loopback
    Ipv4Block{0xa9fe0000, 16},  // 169.254.0.0    link-local, clouds' metadata services
    Ipv4Block{0xac100000, 12},  // 172.16.0.0     private
    Ipv4Block{0xc0000000, 24},  // 192.0.0.0      protocol assignments
    Ipv4Block{0xc0000200, 24},  // 192.0.2.0      documentation
    Ipv4Block{0xc0586300, 24},  // 192.88.99.0    6to4 relays, withdrawn
    Ipv4Block{0xc0a80000, 16},  // 192.168.0.0    private
    Ipv4Block{0xc6120000, 15},  // 198.18.0.0     benchmarking
    Ipv4Block{0xc6336400, 24},  // 198.51.100.0   documentation
    Ipv4Block{0xcb007100, 24},  // 203.0.113.0    documentation
    Ipv4Block{0xe0000000, 4},   // 224.0.0.0      multicast
    Ipv4Block{0xf0000000, 4},   // 240.0.0.0      reserved, broadcast
};

bool is_public_ipv4(uint32_t address) {
  return std::none_of(kReservedIpv4.begin(), kReservedIpv4.end(),
                      [address](const Ipv4Block& block) { return (address ^ block.base) >> (32 - block.bits) == 0; });
}

using Ipv6 = std::array<uint8_t, 16>;

/// Whether the first `bits` bits of `address` are those of `prefix`.
bool within(const Ipv6& address, std::initializer_list<uint8_t> prefix, int bits) {
  Ipv6 base{};
  std::copy(prefix.begin(), prefix.end(), base.begin());
  const auto whole = static_cast<size_t>(bits / 8);
  if (!std::equal(address.begin(), address.begin() + bits / 8, base.begin())) return false;
  return bits % 8 == 0 || (address[whole] ^ base[whole]) >> (8 - bits % 8) == 0;
}

/// The IPv4 address in four bytes of an IPv6 one.
uint32_t ipv4_at(const Ipv6& address, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | address[offset + i];
  return value;
}

bool is_public_ipv6(const Ipv6& address) {
  if (within(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96)) return is_public_ipv4(ipv4_at(address, 12));
  if (within(address, {0x00, 0x64, 0xff, 0x9b}, 96)) return is_public_ipv4(ipv4_at(address, 12));  // NAT64, RFC 6052
  if (within(address, {0x20, 0x02}, 16)) return is_public_ipv4(ipv4_at(address, 2));               // 6to4, RFC 3056
  return within(address, {0x20}, 3)                         // all global unicast space there is (RFC 4291)
         && !within(address, {0x20, 0x01}, 23)              // protocol assignments: Teredo, ORCHID, benchmarking
         && !within(address, {0x20, 0x01, 0x0d, 0xb8}, 32)  // documentation
         && !within(address, {0x3f, 0xff}, 20);             // documentation, RFC 9637
}

}  // namespace

bool is_public(const sockaddr& address, socklen_t length) {
  if (address.sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof(ipv4));
    return is_public_ipv4(ntohl(ipv4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof(ipv6));
    Ipv6 bytes;
    std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
    return is_public_ipv6(bytes);
  }
  return false;
}

std::string address_text(const sockaddr& address, socklen_t length) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof(ipv4));
    inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof(ipv6));
    inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
  } else {
    return "an address of family " + std::to_string(address.sa_family);
  }
  return text.data();
}

}  // namespace atelier
