#include "train/trace.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>

#include "base/files.h"

namespace atelier {
namespace {

std::string hash_of(const Batch& batch) {
  const auto pixels = static_cast<size_t>(batch.height) * static_cast<size_t>(batch.width);
  const auto samples = static_cast<size_t>(batch.size);
  Sha256 hash;
  hash.update(std::as_bytes(std::span(batch.images, samples * 3 * pixels)));
  if (batch.conditions)
    hash.update(
        std::as_bytes(std::span(batch.conditions, samples * static_cast<size_t>(batch.condition_channels) * pixels)));
  hash.update(std::as_bytes(std::span(batch.labels)));
  return hash.hex();
}

}  // namespace

Trace::Trace(const std::filesystem::path& file) : path_(file), file_(file, std::ios::binary) {
  if (!file_)
    throw std::invalid_argument(fmt::format("{} cannot be written: name another file for the trace.", file.string()));
}

void Trace::step(const Clock& clock, const Batch& batch, const std::vector<std::string>& players,
                 const StepResult& result) {
  nlohmann::ordered_json line = {{"step", clock.step()},
                                 {"position", batch.positions.front()},
                                 {"entries", batch.entries},
                                 {"pixels", hash_of(batch)},
                                 {"losses", nlohmann::ordered_json::object()}};
  for (size_t i = 0; i < players.size(); ++i) line["losses"][players[i]] = fmt::format("{:a}", result.losses.at(i));
  file_ << line.dump() << '\n' << std::flush;
  if (!file_) throw std::runtime_error(fmt::format("Cannot write {}: is the disk full?", path_.string()));
}

std::vector<TraceLine> read_trace(const std::filesystem::path& file) try {
  std::istringstream text(read_file(file));
  std::vector<TraceLine> lines;
  for (std::string line; std::getline(text, line);) {
    const auto json = nlohmann::json::parse(line);
    lines.push_back({.step = json.at("step"),
                     .position = json.at("position"),
                     .entries = json.at("entries"),
                     .pixels = json.at("pixels"),
                     .losses = json.at("losses")});
  }
  return lines;
} catch (const nlohmann::json::exception&) {
  throw std::runtime_error(fmt::format("{} is no trace of a run.", file.string()));
}

}  // namespace atelier
