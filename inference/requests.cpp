#include "inference/requests.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>

#include "base/files.h"

namespace atelier {
namespace {

constexpr size_t kMostRequests = 1'000, kMostBytes = size_t{16} << 20;

/// What the whole reply shares, and no request can choose for itself.
const std::set<std::string> kShared = {"checkpoint", "average", "device", "threads", "out", "grid"};

std::string text_of(const nlohmann::json& value, const std::string& place, const std::string& name) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw std::invalid_argument(fmt::format("{}: {} must be a text, a number or true or false.", place, name));
}

Layer read_request(const std::string& line, const std::string& place) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    throw std::invalid_argument(fmt::format(
        "{}: a request is a JSON object on a line of its own, such as {{\"label\": \"chair\", \"seed\": 7}}.", place));
  Layer layer{place, {}};
  for (const auto& [name, value] : json.items()) {
    if (kShared.contains(name))
      throw std::invalid_argument(
          fmt::format("{}: {} is the same for all requests, so give it as --generate.{}.", place, name, name));
    layer.values.emplace_back(name == "seed" ? name : "generate." + name, text_of(value, place, name));
  }
  return layer;
}

std::string read_all(const std::filesystem::path& file) try {
  return read_file(file, kMostBytes);
} catch (const std::runtime_error& error) {
  throw std::invalid_argument(fmt::format("The requests cannot be read: {}.", error.what()));
}

}  // namespace

std::vector<Resolved> read_requests(const std::filesystem::path& file, const Resolved& base) {
  std::istringstream lines(read_all(file));
  std::vector<Resolved> requests;
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    requests.push_back(resolve(base, read_request(line, fmt::format("{} line {}", file.string(), number))));
    if (requests.size() > kMostRequests)
      throw std::invalid_argument(
          fmt::format("{} holds more than {} requests: split it.", file.string(), kMostRequests));
  }
  if (requests.empty()) throw std::invalid_argument(fmt::format("{} holds no request.", file.string()));
  return requests;
}

}  // namespace atelier
