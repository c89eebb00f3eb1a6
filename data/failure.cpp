#include "data/failure.h"

namespace atelier {

std::string_view fault_name(Fault fault) {
  switch (fault) {
    case Fault::kBadUrl:
      return "bad-url";
    case Fault::kDns:
      return "dns";
    case Fault::kRefusedAddress:
      return "refused-address";
    case Fault::kConnect:
      return "connect";
    case Fault::kTls:
      return "tls";
    case Fault::kTimeout:
      return "timeout";
    case Fault::kConnection:
      return "connection";
    case Fault::kHttpStatus:
      return "http-status";
    case Fault::kRedirects:
      return "redirects";
    case Fault::kTooLargeByHead:
      return "too-large-by-head";
    case Fault::kTooLargeInBody:
      return "too-large-in-body";
    case Fault::kMissingFile:
      return "missing-file";
    case Fault::kNotAnImage:
      return "not-an-image";
    case Fault::kTruncated:
      return "truncated";
    case Fault::kTooManyPixels:
      return "too-many-pixels";
    case Fault::kOptOut:
      return "opt-out";
    case Fault::kChecksum:
      return "checksum";
  }
  return "unknown";
}

}  // namespace atelier
