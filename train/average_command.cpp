#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "configs/console.h"
#include "models/weights_file.h"
#include "train/average_of_length.h"
#include "train/command.h"
#include "train/output_file.h"
#include "train/run_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// "0.06,0.08"
std::vector<double> lengths_flag(const Invocation& invocation) {
  const auto text = invocation.flag("length");
  if (!text) throw std::invalid_argument("average needs --length, such as --length 0.08 or --length 0.06,0.08,0.12");
  std::vector<double> lengths;
  for (const char *at = text->data(), *end = at + text->size(); at <= end;) {
    const auto [next, error] = std::from_chars(at, end, lengths.emplace_back());
    if (error != std::errc() || (next != end && *next != ',') ||
        !(lengths.back() >= kShortestLength && lengths.back() < kLongestLength))
      throw std::invalid_argument(
          fmt::format("--length takes numbers from {} to below {} with commas between, not \"{}\"", kShortestLength,
                      kLongestLength, *text));
    at = next + 1;
  }
  return lengths;
}

std::vector<KeptAverage> open_kept_averages(const fs::path& run_dir, const Invocation& invocation, Console& console) {
  if (!fs::is_directory(run_dir)) throw std::invalid_argument(no_run_at(run_dir));
  std::vector<std::string> warnings;
  auto kept = list_kept_averages(run_dir, show_share(console, "checking the averages", invocation.stop), warnings);
  for (const std::string& warning : warnings) console.warn(warning);
  if (kept.empty())
    throw std::invalid_argument(
        fmt::format("{} has no averages to make another one of: train.average_snapshots says how many a run keeps",
                    run_dir.string()));
  return kept_until(kept, invocation.number("at", 1).value_or(kept.back().position));
}

fs::path target_of(const Invocation& invocation, const fs::path& run_dir, double length, uint64_t position) {
  const auto out = invocation.flag("out");
  const fs::path target =
      out ? fs::path(*out) : run_dir / "averages" / fmt::format("length-{}-{:012}.safetensors", length, position);
  check_new_file(target);
  return target;
}

}  // namespace

int run_average(const Invocation& invocation) {
  const fs::path run_dir = invocation.positional[1];
  const std::vector<double> lengths = lengths_flag(invocation);
  if (invocation.flag("out") && lengths.size() > 1)
    throw std::invalid_argument("--out names one file: give one --length with it");
  Console console;
  const auto kept = open_kept_averages(run_dir, invocation, console);
  const uint64_t position = kept.back().position;
  std::vector<fs::path> targets;  // looked at before any work
  targets.reserve(lengths.size());
  for (const double length : lengths) targets.push_back(target_of(invocation, run_dir, length, position));
  for (size_t i = 0; i < lengths.size(); ++i) {
    const double length = lengths[i];
    const Blend blend = blend_to_length(kept, length);
    save_weights(targets[i], blend_files(kept, blend, length, show_share(console, "averaging", invocation.stop)));
    console.say(fmt::format("length {} at position {}: the profile is off by {:.2g}%, of {} snapshots", length,
                            position, 100 * blend.error, kept.size() / 2));
    print(targets[i].string() + "\n");
  }
  return kGood;
}

}  // namespace atelier
