#include "data/verdicts.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace atelier {
namespace {

Fault fault_of(std::string_view name) {
  for (int number = 0; number < kFaultCount; ++number) {
    if (fault_name(static_cast<Fault>(number)) == name) return static_cast<Fault>(number);
  }
  throw std::invalid_argument(fmt::format("\"{}\" is no fault", name));
}

Verdict read_verdict(std::string_view line) {
  const auto json = nlohmann::json::parse(line);
  Verdict verdict;
  json.at("entry").get_to(verdict.entry);
  json.at("position").get_to(verdict.position);
  json.at("url").get_to(verdict.url);
  verdict.fault = fault_of(json.at("fault").get_ref<const std::string&>());
  json.at("detail").get_to(verdict.detail);
  json.at("attempts").get_to(verdict.attempts);
  return verdict;
}

}  // namespace

void Verdicts::add(Verdict verdict) {
  const auto [place, fresh] = by_entry_.try_emplace(verdict.entry, verdict);
  if (!fresh && verdict.position < place->second.position) place->second = std::move(verdict);
}

const Verdict* Verdicts::find(uint64_t entry) const {
  const auto place = by_entry_.find(entry);
  return place == by_entry_.end() ? nullptr : &place->second;
}

void Verdicts::merge(const Verdicts& other) {
  for (const auto& [entry, verdict] : other.by_entry_) add(verdict);
}

std::string to_json(const Verdict& verdict) {
  const nlohmann::ordered_json json = {{"entry", verdict.entry},   {"position", verdict.position},
                                       {"url", verdict.url},       {"fault", fault_name(verdict.fault)},
                                       {"detail", verdict.detail}, {"attempts", verdict.attempts}};
  // Details may quote what a server sent: bytes that are not UTF-8 become U+FFFD.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string Verdicts::to_jsonl() const {
  std::string text;
  for (const auto& [entry, verdict] : by_entry_) text += to_json(verdict) + '\n';
  return text;
}

Verdicts Verdicts::from_jsonl(std::string_view text) {
  Verdicts verdicts;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) continue;
    try {
      verdicts.add(read_verdict(line));
    } catch (const nlohmann::json::exception&) {
      throw std::invalid_argument(
          fmt::format("line {} of the ledger is no verdict: it is not valid JSON, or an object "
                      "without entry, position, url, fault, detail or attempts",
                      number));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("line {} of the ledger is no verdict: {}", number, error.what()));
    }
  }
  return verdicts;
}

}  // namespace atelier
