// atelier-generate: checkpoint + request -> design variations, as one JSON document on stdout.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "base/files.h"
#include "configs/console.h"
#include "configs/program.h"
#include "images/encode.h"
#include "inference/engine.h"
#include "inference/preprocess.h"
#include "inference/reply.h"
#include "inference/request.h"
#include "inference/requests.h"
#include "inference/save.h"

namespace {

using namespace atelier;

void check_outputs(const GenerateConfig& config) {
  if (!config.out.empty()) check_folder(config.out);
  if (!config.grid.empty()) check_png_file(config.grid);
}

void save_contact_sheet(const std::filesystem::path& file, const Image& sheet) {
  const auto png = encode_png(sheet);
  std::filesystem::create_directories(std::filesystem::absolute(file).parent_path());
  publish_file(file, {reinterpret_cast<const char*>(png.data()), png.size()});
}

/// One reply is in memory until it is printed.
size_t most_pictures(const ModelSpec& spec) {
  constexpr size_t kMostPictures = 4'096, kMostPixels = size_t{1} << 28;
  const auto side = static_cast<size_t>(spec.image_size);
  return std::min(kMostPictures, kMostPixels / (side * side));
}

/// One of the requests, with its files read: from here on only the device can fail.
struct Prepared {
  DesignRequest request;
  Material material;
};

std::vector<Prepared> prepare(const Invocation& invocation, const ModelSpec& spec) {
  const auto file = invocation.flag("requests");
  const std::vector<Resolved> asked =
      file ? read_requests(*file, invocation.settings) : std::vector<Resolved>{invocation.settings};
  std::vector<Prepared> prepared;
  size_t pictures = 0;
  for (const Resolved& settings : asked) try {
      const DesignRequest request = make_request(settings, spec);
      pictures += request.seeds.size();
      if (pictures > most_pictures(spec))
        throw std::invalid_argument(
            fmt::format("{} asks for more than {} pictures of {} pixels: split it into several replies.",
                        file.value_or("The request"), most_pictures(spec), spec.image_size));
      prepared.push_back({request, read_material(request, spec, invocation.config().data.max_image_size)});
    } catch (const std::invalid_argument& error) {
      if (!file) throw;
      throw std::invalid_argument(fmt::format("{}, request {}: {}", *file, prepared.size() + 1, error.what()));
    }
  return prepared;
}

/// Every variation of every request, in order; nothing: interrupted.
std::optional<std::vector<Variation>> make_all(Engine& engine, const std::vector<Prepared>& prepared,
                                               const std::stop_token& stop) {
  size_t total = 0;
  for (const Prepared& one : prepared) total += one.request.seeds.size();
  Console console;
  const auto start = std::chrono::steady_clock::now();
  std::vector<Variation> variations;
  for (size_t i = 0; i < prepared.size(); ++i) {
    for (const uint64_t seed : prepared[i].request.seeds) {
      if (stop.stop_requested()) return std::nullopt;
      variations.push_back(engine.make(prepared[i].request, prepared[i].material, seed));
      variations.back().request = i;
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      console.progress(fmt::format(
          "{} of {} variations, {:.0f} s left", variations.size(), total,
          seconds / static_cast<double>(variations.size()) * static_cast<double>(total - variations.size())));
    }
  }
  console.clear();
  return variations;
}

Image contact_sheet_of(const std::vector<Prepared>& prepared, std::span<const Variation> variations) {
  std::vector<Answered> answered;
  for (const Prepared& one : prepared) {
    answered.push_back({one.material.shown, variations.first(one.request.seeds.size())});
    variations = variations.subspan(one.request.seeds.size());
  }
  return contact_sheet_of(answered);
}

int generate(const Invocation& invocation) {
  const GenerateConfig& config = invocation.config().generate;
  std::vector<std::string> warnings;
  Engine engine(config, warnings);
  for (const std::string& warning : warnings) std::fputs(fmt::format("warning: {}\n", warning).c_str(), stderr);
  const std::vector<Prepared> prepared = prepare(invocation, engine.spec());
  check_outputs(config);

  const auto variations = make_all(engine, prepared, invocation.stop);
  if (!variations) return kInterrupted;

  std::vector<std::filesystem::path> files;
  if (!config.out.empty()) files = save_variations(config.out, *variations);
  if (!config.grid.empty()) save_contact_sheet(config.grid, contact_sheet_of(prepared, *variations));
  print(make_reply(std::time(nullptr), *variations, files));
  return kGood;
}

}  // namespace

int main(int argc, char** argv) {
  const Program program{
      .name = "atelier-generate",
      .summary = "Makes variations of a design from a trained checkpoint and prints them as one JSON document.",
      .sections = {"seed", "generate"},
      .flags = {{"requests", "FILE",
                 "many requests at once: a JSON object a line, such as {\"label\": \"chair\", \"seed\": 7}"}},
      .examples = {"--checkpoint runs/demo/train --label chair --image chair.png --variations 4 --seed 7",
                   "--checkpoint runs/demo/train --label sofa --condition sketch.png --out designs"}};
  return run_program(program, argc, argv, generate);
}
