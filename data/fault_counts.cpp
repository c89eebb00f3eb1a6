#include "data/fault_counts.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace atelier {

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

std::string faults_text(const FaultCounts& counts) {
  std::string text;
  for (size_t fault = 0; fault < counts.size(); ++fault) {
    if (counts[fault] == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", fault_name(static_cast<Fault>(fault)), grouped(counts[fault]));
  }
  return text.empty() ? "none" : text;
}

nlohmann::ordered_json faults_json(const FaultCounts& counts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (size_t fault = 0; fault < counts.size(); ++fault)
    if (counts[fault] > 0) json[std::string(fault_name(static_cast<Fault>(fault)))] = counts[fault];
  return json;
}

}  // namespace atelier
