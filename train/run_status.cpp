#include "train/run_status.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "base/files.h"
#include "configs/console.h"
#include "configs/printable.h"
#include "train/background.h"
#include "train/run_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string state_of(const json& status) {
  const auto state = status.find("state");
  return state != status.end() && state->is_string() ? state->get<std::string>() : "not started";
}

/// Null where it is none: Report writes numbers that are not finite so, too.
json number_in(const json& object, const char* name) {
  const auto number = object.find(name);
  return number != object.end() && number->is_number() ? *number : json();
}

std::string whole(const json& number) { return number.is_null() ? "?" : number.dump(); }

std::string fixed(const json& number) {
  return number.is_null() ? "not finite" : fmt::format("{:.4f}", number.get<double>());
}

std::string pace_text(const json& status) {
  std::string text;
  if (const json rate = number_in(status, "images_per_second"); !rate.is_null())
    text += fmt::format(", {:.4g} images/s", rate.get<double>());
  if (const json waiting = number_in(status, "waiting"); !waiting.is_null())
    text += fmt::format(", waiting {:.0f} %", 100 * waiting.get<double>());
  if (const json left = number_in(status, "seconds_left"); !left.is_null() && left.get<double>() > 0)
    text += ", " + time_left(left.get<double>());
  return text;
}

}  // namespace

json status_by_now(json written, std::optional<pid_t> trainer, bool locked) {
  const json wrote = std::exchange(written["pid"], trainer ? json(*trainer) : json());
  const std::string state = state_of(written);
  if (trainer)
    written["state"] = wrote == *trainer ? state : "starting";
  else if (locked)
    written["state"] = "running elsewhere";
  else
    written["state"] = state == "running" ? "killed" : state;
  return written;
}

json run_status(const fs::path& run_dir) {
  const bool locked = FileLock::is_held(run_dir / kLockFile);
  const auto written = written_status(run_dir);
  if (!written && !locked && !fs::is_directory(run_dir / "positions")) throw std::invalid_argument(no_run_at(run_dir));
  if (written && !written->is_object())
    throw std::runtime_error(fmt::format("{} is damaged", (run_dir / "status.json").string()));
  return status_by_now(written.value_or(json::object()), trainer_in(run_dir), locked);
}

std::string status_text(const fs::path& run_dir, const json& status) {
  const std::string state = state_of(status);
  std::string text = fmt::format("{}: {}", run_dir.string(), state);
  if (const json pid = number_in(status, "pid"); !pid.is_null()) text += fmt::format(" (process {})", pid.dump());
  if (status.contains("step"))
    text += fmt::format(", epoch {}, step {}, position {} of {}", whole(number_in(status, "epoch")),
                        whole(number_in(status, "step")), whole(number_in(status, "position")),
                        whole(number_in(status, "total_positions")));
  if (state == "running") text += pace_text(status);
  if (const auto held_out = status.find("held_out"); held_out != status.end() && held_out->is_object())
    text += fmt::format(", held-out loss {} (average {})", fixed(number_in(*held_out, "raw")),
                        fixed(number_in(*held_out, "average")));
  if (state == "killed") text += "; the command that began it goes on from its newest checkpoint";
  if (state == "running elsewhere") text += "; its process is on another machine or another user's, so ask there";
  return printable(text);
}

}  // namespace atelier
