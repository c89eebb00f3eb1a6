#include "data/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdexcept>

#include "data/curl_handle.h"

namespace atelier {
std::string parse_proxy(const std::string& text) {
  const CurlUrl url(curl_url());
  const auto refuse = [](const std::string& why) {
    throw std::invalid_argument("data.proxy cannot be that: " + why +
                                "; it takes http://host:port, https://host:port or socks5h://host:port");
  };
  if (!has_scheme(text) || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    refuse("it is no url");
  if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty())
    refuse(
        "it holds credentials, which settings would spread; give them in data.credentials, as Proxy-Authorization "
        "in the proxy's own section");
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https" && scheme != "socks5h") refuse("its scheme is another");
  const std::string host = part(url.get(), CURLUPART_HOST), port = part(url.get(), CURLUPART_PORT);
  const std::string path = part(url.get(), CURLUPART_PATH);
  if (host.empty() || port.empty()) refuse("it lacks a host or a port");
  if ((!path.empty() && path != "/") || !part(url.get(), CURLUPART_QUERY).empty() ||
      !part(url.get(), CURLUPART_FRAGMENT).empty())
    refuse("there is more than a host and a port");
  return scheme + "://" + host + ":" + port;
}

std::optional<std::string> refused_by_name(const Url& url, bool (*may_connect)(const sockaddr&, socklen_t)) {
  std::string host = url.host.substr(0, url.host.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  while (host.ends_with('.')) host.pop_back();
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  bool allowed = true;
  if (inet_pton(AF_INET, host.c_str(), &ipv4.sin_addr) == 1) {
    allowed = may_connect(reinterpret_cast<const sockaddr&>(ipv4), sizeof(ipv4));
  } else if (inet_pton(AF_INET6, host.c_str(), &ipv6.sin6_addr) == 1) {
    allowed = may_connect(reinterpret_cast<const sockaddr&>(ipv6), sizeof(ipv6));
  } else if (host == "localhost" || host.ends_with(".localhost")) {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    allowed = may_connect(reinterpret_cast<const sockaddr&>(loopback), sizeof(loopback));
  }
  return allowed ? std::nullopt : std::optional(host);
}

}  // namespace atelier
