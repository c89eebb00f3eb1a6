#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/failure.h"

namespace atelier {

/// How many there were of each Fault.
using FaultCounts = std::array<uint64_t, kFaultCount>;

/// Those that are not zero: "http-status 3, timeout 1,024", or "none".
std::string faults_text(const FaultCounts& counts);
/// The same as an object by name.
nlohmann::ordered_json faults_json(const FaultCounts& counts);

/// 1234567 -> "1,234,567", whatever the locale.
std::string grouped(uint64_t number);

}  // namespace atelier
