#include "train/loss_log.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "train/append.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kFile = "losses.jsonl";
constexpr std::string_view kBegin = R"({"position":)";  // of every line, so that it is found without reading all of it

/// The file, or as much as is there of it.
class Lines {
 public:
  explicit Lines(const fs::path& path) : file_(path, std::ios::binary) {
    if (!file_) return;
    file_.seekg(0, std::ios::end);
    size_ = static_cast<uint64_t>(file_.tellg());
    if (size_ == 0) return;
    seek(size_ - 1);
    is_cut_off_ = file_.get() != '\n';
  }

  /// Where the first line begins whose position is beyond `position`; the file's end if there is none. A line that says
  /// no position has that of the next one.
  uint64_t beyond(uint64_t position) {
    uint64_t low = 0, high = size_;  // lines that begin before low are not, lines from high on are
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2, begin = line_from(middle);
      if (begin < high && position_at(begin) <= position)
        low = begin + 1;
      else
        high = middle;
    }
    return line_from(low);
  }

  /// The line that begins at `offset`, without its end; nothing: there is no whole one.
  std::optional<std::string> line_at(uint64_t offset) {
    seek(offset);
    std::string line;
    if (!std::getline(file_, line) || file_.eof()) return std::nullopt;
    return line;
  }

 private:
  void seek(uint64_t offset) {
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
  }

  /// Where the first line begins at `offset` or behind; the file's end if there is none.
  uint64_t line_from(uint64_t offset) {
    if (offset == 0 || offset >= size_) return std::min(offset, size_);
    seek(offset - 1);
    file_.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    return file_.eof() ? size_ : static_cast<uint64_t>(file_.tellg());
  }

  /// Of the line that begins at `offset`, or of the next one that says any; beyond all when none does, or has no end.
  uint64_t position_at(uint64_t offset) {
    for (uint64_t next = 0; offset < size_; offset = next) {
      char text[64]{};
      seek(offset);
      file_.read(text, sizeof text);
      next = line_from(offset + 1);
      if (next == size_ && is_cut_off_) break;
      uint64_t position = 0;
      const char* const digits = text + kBegin.size();
      if (std::string_view(text, sizeof text).starts_with(kBegin) &&
          std::from_chars(digits, std::end(text), position).ec == std::errc())
        return position;
    }
    return std::numeric_limits<uint64_t>::max();
  }

  std::ifstream file_;
  uint64_t size_ = 0;
  bool is_cut_off_ = false;  // the last line
};

std::vector<float> numbers_of(const ordered_json& array) {
  std::vector<float> numbers;
  for (const ordered_json& number : array)
    numbers.push_back(number.is_null() ? std::numeric_limits<float>::quiet_NaN() : number.get<float>());
  return numbers;
}

/// `offset`: where the line begins in the file.
StepLosses parse_line(const std::string& text, const fs::path& path, uint64_t offset) try {
  const auto json = ordered_json::parse(text);
  StepLosses line{.position = json.at("position"), .step = json.at("step"), .players = {}};
  for (const auto& [player, losses] : json.at("losses").items()) line.players.emplace_back(player, numbers_of(losses));
  const auto fits = [&](const auto& player) { return player.second.size() == line.size(); };
  if (line.players.empty() || line.size() == 0 || line.size() > line.position ||
      !std::ranges::all_of(line.players, fits))
    throw std::invalid_argument(
        fmt::format("the line at byte {} of {} has no losses: remove that line", offset, path.string()));
  return line;
} catch (const nlohmann::json::exception&) {
  throw std::invalid_argument(fmt::format(
      "the line at byte {} of {} is none that atelier-train wrote: remove that line", offset, path.string()));
}

}  // namespace

LossLog::LossLog(const fs::path& run_dir, uint64_t position, bool wanted) : path_(run_dir / kFile), wanted_(wanted) {
  if (!fs::exists(path_)) return;
  const uint64_t kept = Lines(path_).beyond(position);
  if (kept == 0)
    fs::remove(path_);
  else
    fs::resize_file(path_, kept);
}

void LossLog::step(const Clock& clock, const std::vector<std::string>& players, const StepResult& result) const {
  if (!wanted_) return;
  std::string line = fmt::format(R"({}{},"step":{},"losses":{{)", kBegin, clock.position(), clock.step());
  for (size_t player = 0; player < players.size(); ++player) {
    line += fmt::format(R"({}"{}":[)", player > 0 ? "," : "", players[player]);
    for (const float loss : result.sample_losses.at(player)) {
      if (std::isfinite(loss))
        fmt::format_to(std::back_inserter(line), "{},", loss);
      else
        line += "null,";
    }
    line.back() = ']';
  }
  append_whole(path_, line + "}}\n");
}

LoggedLosses::LoggedLosses(const fs::path& run_dir) : path_(run_dir / kFile) {}

bool LoggedLosses::exist() const { return fs::exists(path_); }

std::optional<StepLosses> LoggedLosses::of_step_at(uint64_t begin) const {
  std::optional<StepLosses> found;
  each_between(begin, std::numeric_limits<uint64_t>::max(), [&](const StepLosses& line) {
    if (line.begin() == begin) found = line;
    return false;
  });
  return found;
}

void LoggedLosses::each_between(uint64_t begin, uint64_t end,
                                const std::function<bool(const StepLosses&)>& take) const {
  Lines lines(path_);
  uint64_t offset = lines.beyond(begin);
  while (const auto text = lines.line_at(offset)) {
    const StepLosses line = parse_line(*text, path_, offset);
    if (line.position > end || (line.begin() >= begin && !take(line))) return;
    offset += text->size() + 1;
  }
}

}  // namespace atelier
