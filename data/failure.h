#pragma once

#include <array>
#include <string>
#include <string_view>

namespace atelier {

/// Why the bytes or the pixels of an entry could not be had.
enum class Fault {
  kBadUrl,          ///< not http(s), s3, file or a path; credentials in it; unreadable
  kDns,             ///< the host's name has no address, or none came in time
  kRefusedAddress,  ///< loopback, private, link-local, multicast or reserved, without data.allow_private
  kConnect,         ///< the connection was refused, or nobody answered it in time
  kTls,             ///< certificate or handshake
  kTimeout,         ///< a TLS handshake, HEAD or GET took too long
  kConnection,      ///< reset or closed before the end, or not HTTP
  kHttpStatus,      ///< an answer other than 200; detail holds the number
  kRedirects,       ///< too many, or to somewhere that is not allowed
  kTooLargeByHead,  ///< Content-Length (of HEAD or GET; a file's size) over data.max_image_size: no byte of the body
                    ///< was taken
  kTooLargeInBody,  ///< more bytes came than data.max_image_size, whatever was promised
  kMissingFile,     ///< a local path that cannot be read
  kNotAnImage,
  kTruncated,
  kTooManyPixels,
  kOptOut,    ///< the server asks not to use it: X-Robots-Tag, with data.respect_opt_out
  kChecksum,  ///< sha256 of the bytes is not the list's
};
inline constexpr int kFaultCount = 17;

/// The name of a fault in logs and in the ledger, such as "too-large-by-head".
std::string_view fault_name(Fault fault);

/// A bad sample, as a value.
struct Failure {
  Fault fault;
  std::string detail;      ///< one clause for a person: "HTTP 404", "Content-Length 20971520 is over 10485760"
  bool transient = false;  ///< may heal: worth another attempt (docs/streaming.md says which)
  double retry_after = 0;  ///< seconds the server asked to wait, 0 if it did not
  int status = 0;          ///< of HTTP, for kHttpStatus
  bool not_asked = false;  ///< the host is left alone for now, for retry_after seconds; the rest is its last failure
  double host_down = 0;    ///< and for so many seconds it has been unreachable or busy
};

}  // namespace atelier
