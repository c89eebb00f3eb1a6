#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <string>

#include "configs/printable.h"
#include "train/command.h"
#include "train/inspection.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownLabels = 20;

std::string row(const char* name, const std::string& text) { return fmt::format("{:<11} {}\n", name, printable(text)); }

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string text_of_model(const Json& model) {
  std::string labels = fmt::format("{}", model.at("labels").size());
  for (size_t i = 0; i < std::min(model.at("labels").size(), kShownLabels); ++i)
    labels += fmt::format("{} {}", i == 0 ? ":" : ",", plain(model.at("labels")[i]));
  if (model.at("labels").size() > kShownLabels) labels += ", ...";
  std::string parameters;
  for (const auto& [player, count] : model.at("parameters").items())
    parameters += fmt::format("{}{} {}", parameters.empty() ? "" : ", ", player, count.dump());
  const bool flow = model.value("objective", "") == "flow";
  return row("model",
             fmt::format("{}{} at {} pixels, condition {}, {} channels, {} levels, {} blocks", plain(model.at("kind")),
                         flow ? " by flow matching" : "", plain(model.at("image_size")), plain(model.at("condition")),
                         plain(model.at("channels")), plain(model.at("levels")), plain(model.at("blocks")))) +
         row("labels", labels) + row("parameters", parameters);
}

std::string text_of_state(const Json& checkpoint) {
  const auto at = [&](const char* field) { return plain(checkpoint.at(field)); };
  std::string text =
      row("position", fmt::format("{} of {}, step {}", at("position"), at("total_positions"), at("step")));
  for (const Json& segment : checkpoint.at("segments"))
    text += row("segment", fmt::format("from position {}, step {}: batches of {}", plain(segment.at("position")),
                                       plain(segment.at("step")), plain(segment.at("batch"))));
  for (const Json& list : checkpoint.at("lists"))
    text +=
        row("list", fmt::format("from position {}: SHA-256 {}", plain(list.at("position")), plain(list.at("sha256"))));
  for (const auto& [name, value] : checkpoint.at("choices").items())
    text += row("choice", fmt::format("{}: {}", name, plain(value)));
  for (const Json& change : checkpoint.at("changes"))
    text +=
        row("change", fmt::format("from position {}: {}, {} before, {} now", plain(change.at("position")),
                                  plain(change.at("setting")), plain(change.at("before")), plain(change.at("now"))));
  if (checkpoint.at("init_from").contains("path"))
    text += row("init_from", plain(checkpoint.at("init_from").at("path")));
  return text + row("skipped", fmt::format("{} updates that were not finite, the last {} steps in a row; {} overflows",
                                           at("skipped"), at("skips_in_a_row"), at("overflows")));
}

std::string text_of_files(const Json& checkpoint) {
  std::string text;
  for (const Json& file : checkpoint.at("files"))
    text += row("file", fmt::format("{}, {} bytes, {}", plain(file.at("name")), plain(file.at("bytes")),
                                    file.at("good").get<bool>() ? "its hash holds" : "DAMAGED"));
  return text;
}

std::string text_of_verdict(const Json& folder) {
  std::string verdict = "good";
  if (!folder.at("good").get<bool>())
    verdict = "DAMAGED: " + plain(folder.at("fault"));
  else if (folder.contains("step"))
    verdict = fmt::format("step {}, good", plain(folder.at("step")));
  return row(folder.contains("lengths") ? "averages" : "checkpoint",
             fmt::format("{}, {}", plain(folder.value("position", Json("?"))), verdict));
}

std::string text_of_folders(const Json& found) {
  std::string text, newest;
  for (const Json& averages : found.value("averages", Json::array())) text += text_of_verdict(averages);
  for (const Json& checkpoint : found.at("checkpoints")) {
    text += text_of_verdict(checkpoint);
    if (checkpoint.at("good").get<bool>() || found.at("what") == "checkpoint") {
      newest = checkpoint.contains("step") ? text_of_state(checkpoint) : "";
      if (checkpoint.contains("files")) newest += text_of_files(checkpoint);
    }
  }
  return text + (found.at("model").is_null() ? "" : text_of_model(found.at("model"))) + newest;
}

std::string text_of_file(const Json& found) {
  std::string text = row("bytes", plain(found.at("bytes")));
  if (!found.at("weights").is_null()) text += row("weights", plain(found.at("weights")));
  if (!found.at("position").is_null()) text += row("position", plain(found.at("position")));
  for (const auto& [key, value] : found.at("metadata").items()) text += row("metadata", key + ": " + plain(value));
  return text + text_of_model(found.at("model")) + row("tensors", plain(found.at("tensors")));
}

}  // namespace

int run_inspect(const Invocation& invocation) {
  const Json found = inspect(invocation.positional.at(1));
  const bool is_file = found.at("what") == "weights";
  if (invocation.flag("json"))
    print(found.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    print(row(plain(found.at("what")).c_str(), plain(found.at("path"))) +
          (is_file ? text_of_file(found) : text_of_folders(found)));
  if (!is_file && found.at("newest").is_null())
    throw std::runtime_error(fmt::format("{} holds no good checkpoint", plain(found.at("path"))));
  return kGood;
}

}  // namespace atelier
