#pragma once

#include "data/stream.h"

namespace atelier {

/// Which stage of a stream the others wait for, judged by the shares of time since it began: the consumer when it
/// hardly ever waits, else decoding when its threads are nearly always busy, else the network.
Limit limit_of(const StreamReport& report);

/// "1234", "310", "31.2" or "3.12": three digits, for images/s.
std::string rate_text(double images);

}  // namespace atelier
