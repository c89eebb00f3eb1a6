#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/console.h"
#include "configs/printable.h"
#include "models/checkpoint.h"
#include "models/weights_file.h"
#include "train/command.h"
#include "train/output_file.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

fs::path file_to_write(const Invocation& invocation) {
  const fs::path out = invocation.flag("out").value_or("");
  if (out.empty())
    throw std::invalid_argument("export needs --out FILE: the file to write, such as --out chairs.safetensors");
  check_new_file(out);
  return out;
}

}  // namespace

int run_export(const Invocation& invocation) {
  const bool average = invocation.flag("weights") != "raw";
  const fs::path out = file_to_write(invocation);
  std::vector<std::string> warnings;
  const Checkpoint checkpoint = open_checkpoint(invocation.positional.at(1), warnings);
  for (const std::string& warning : warnings) Console().warn(warning);
  WeightsFile file = load_weights(checkpoint.folder / (average ? "ema.safetensors" : "model.safetensors"));
  file.weights = average ? "average" : "raw";
  file.position = checkpoint.position;
  save_weights(out, file);
  print(fmt::format("{}: the {} weights of position {}, {} bytes\n", printable(out.string()), file.weights,
                    file.position, fs::file_size(out)));
  return kGood;
}

}  // namespace atelier
