#include "data/address.h"

#include <arpa/inet.h>
#include <cstring>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/un.h>

namespace atelier {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr& get() const { return reinterpret_cast<const sockaddr&>(storage); }
};

Address parse(const std::string& text) {
  Address address;
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  if (inet_pton(AF_INET, text.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    address.length = sizeof(ipv4);
    std::memcpy(&address.storage, &ipv4, sizeof(ipv4));
  } else if (inet_pton(AF_INET6, text.c_str(), &ipv6.sin6_addr) == 1) {
    ipv6.sin6_family = AF_INET6;
    address.length = sizeof(ipv6);
    std::memcpy(&address.storage, &ipv6, sizeof(ipv6));
  } else {
    throw std::invalid_argument(text);
  }
  return address;
}

bool is_public(const std::string& text) {
  const Address address = parse(text);
  return atelier::is_public(address.get(), address.length);
}

TEST(Address, KnowsThePublicInternet) {
  for (const char* text : {"1.1.1.1",
                           "8.8.8.8",
                           "9.255.255.255",
                           "11.0.0.0",
                           "100.63.255.255",
                           "100.128.0.0",
                           "126.255.255.255",
                           "128.0.0.1",
                           "169.253.255.255",
                           "169.255.0.0",
                           "172.15.255.255",
                           "172.32.0.0",
                           "192.0.1.0",
                           "192.167.255.255",
                           "192.169.0.0",
                           "198.17.255.255",
                           "198.20.0.0",
                           "223.255.255.255",
                           "2001:4860:4860::8888",
                           "2606:4700:4700::1111",
                           "2a00:1450::1",
                           "2001:200::1",
                           "3ffe::1",
                           "::ffff:8.8.8.8",
                           "64:ff9b::8.8.8.8",
                           "2002:808:808::1"})
    EXPECT_TRUE(is_public(text)) << text;
}

TEST(Address, RefusesEverySpecialPurposeIpv4Block) {
  for (const char* text :
       {"0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255", "100.64.0.0",
        "100.127.255.255", "127.0.0.1",       "127.255.255.255", "169.254.0.0",    "169.254.169.254",
        "172.16.0.0",      "172.31.255.255",  "192.0.0.1",       "192.0.2.1",      "192.88.99.1",
        "192.168.0.0",     "192.168.255.255", "198.18.0.0",      "198.19.255.255", "198.51.100.7",
        "203.0.113.9",     "224.0.0.1",       "239.255.255.255", "240.0.0.1",      "255.255.255.255"})
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(Address, RefusesIpv6ThatIsLocalReservedOrCarriesAPrivateIpv4) {
  for (const char* text : {"::",
                           "::1",
                           "::127.0.0.1",
                           "::8.8.8.8",
                           "::ffff:127.0.0.1",
                           "::ffff:10.1.2.3",
                           "64:ff9b::127.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "64:ff9b:1::8.8.8.8",
                           "2002:7f00:1::",
                           "2002:a00:1::1",
                           "2002:c0a8:101::",
                           "100::1",
                           "2001::1",
                           "2001:2::1",
                           "2001:1ff:ffff::1",
                           "2001:db8::1",
                           "3fff::1",
                           "3fff:fff::1",
                           "5f00::1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "ff02::1",
                           "4000::1",
                           "1fff::1"})
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(Address, RefusesUnknownFamiliesAndAddressesCutShort) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(atelier::is_public(reinterpret_cast<const sockaddr&>(local), sizeof(local)));
  const Address ipv4 = parse("8.8.8.8"), ipv6 = parse("2606:4700:4700::1111");
  EXPECT_FALSE(atelier::is_public(ipv4.get(), 4));
  EXPECT_FALSE(atelier::is_public(ipv6.get(), sizeof(sockaddr_in)));
}

TEST(Address, ReadsAsAPersonWritesIt) {
  for (const char* text : {"127.0.0.1", "8.8.8.8", "::1", "2606:4700:4700::1111", "::ffff:127.0.0.1"}) {
    const Address address = parse(text);
    EXPECT_EQ(address_text(address.get(), address.length), text);
  }
}

}  // namespace
}  // namespace atelier
