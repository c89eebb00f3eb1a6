#include "data/tar_samples.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "configs/utf8.h"
#include "data/ascii.h"
#include "data/list_rows.h"
#include "images/endings.h"

namespace atelier {
namespace {

/// What a member is to its sample, by its extension.
enum class Role { kImage, kCondition, kLabel, kCaption, kFields, kOther };

Role role_of(std::string_view extension) {
  constexpr std::string_view kCondition = "condition.";
  if (extension == "cls") return Role::kLabel;
  if (extension == "txt") return Role::kCaption;
  if (extension == "json") return Role::kFields;
  const bool is_condition = extension.starts_with(kCondition);
  if (is_condition) extension.remove_prefix(kCondition.size());
  if (!is_image_ending(extension)) return Role::kOther;
  return is_condition ? Role::kCondition : Role::kImage;
}

struct Name {
  std::string key;
  std::string extension;  // in lower case
};

/// Nothing: a hidden file, or one without an extension, belongs to no sample.
std::optional<Name> name_of(const std::string& path) {
  const size_t begin = path.rfind('/') + 1;  // 0 where there is none
  const size_t dot = path.find('.', begin);
  if (dot == std::string::npos || dot == begin) return std::nullopt;
  return Name{.key = path.substr(0, dot), .extension = lower_case(path.substr(dot + 1))};
}

/// The fields of a .json member that a list has too. What was written for other programs may give them other types:
/// that is ignored, but for the number of a label.
void take_fields(const nlohmann::json& given, nlohmann::json& row) {
  for (const char* name : {"label", "caption", "group", "licence", "creator"}) {
    const auto field = given.find(name);
    if (field == given.end() || row.contains(name)) continue;
    if (field->is_string() && !field->get_ref<const std::string&>().empty()) row[name] = *field;
    if (field->is_number_integer() && name == std::string_view("label")) row[name] = field->dump();
  }
}

/// Gathers the members of one sample.
class Sample {
 public:
  Sample(TarReader& tar, std::string key) : tar_(tar), key_(std::move(key)) {}

  /// Whether a member of this name belongs here. A second one of a kind begins another sample.
  bool takes(const Name& name) const { return name.key == key_ && !taken_.contains(name.extension); }

  void add(const std::string& extension, const TarMember& member) {
    const Role role = role_of(extension);
    if (role == Role::kOther) return;
    taken_.insert(extension);
    if (role == Role::kImage) take_range("bytes", member);
    if (role == Role::kCondition) take_range("condition", member);
    if (role == Role::kLabel) take_text("label", std::string(trimmed(text_of(member))));
    if (role == Role::kCaption) take_text("caption", std::string(trimmed(text_of(member))));
    if (role == Role::kFields) {
      json_ = nlohmann::json::parse(text_of(member), nullptr, /*allow_exceptions=*/false);
      if (!json_.is_object()) note(member.offset, "not a JSON object");
    }
  }

  void end(TarSamples& samples) {
    if (!row_.contains("bytes")) return void(++samples.without_image);
    if (json_.is_object()) take_fields(json_, row_);
    if (!row_.contains("group")) row_["group"] = key_;
    const std::string row = row_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (row.size() > kMaxRowBytes / 2)
      note(last_, "a sample with over half a MiB of text");  // a list's rows hold 1 MiB
    if (!problem_.empty()) {
      if (samples.unreadable++ == 0) samples.example = problem_;
      return;
    }
    ++samples.samples;
    samples.rows += row + "\n";
    if (samples.rows.size() > kMostRowBytes)
      throw std::invalid_argument(fmt::format("at byte {}: too many samples; make several tars of it", last_));
  }

 private:
  void take_range(const char* field, const TarMember& member) {
    last_ = member.offset;
    if (member.size > 0 && !row_.contains(field))
      row_[field] = ByteRange{member.offset, member.offset + member.size - 1}.text();
  }
  void take_text(const char* field, std::string text) {
    if (!text.empty()) row_[field] = std::move(text);
  }
  /// Empty, with a note, where there is none.
  std::string text_of(const TarMember& member) {
    last_ = member.offset;
    if (member.size > TarReader::kMostText) return note(member.offset, "over 1 MiB of text"), "";
    std::string text = tar_.contents(member);
    if (find_invalid_utf8(text) != std::string::npos) return note(member.offset, "not UTF-8"), "";
    return text;
  }
  void note(uint64_t offset, const char* clause) {
    if (problem_.empty()) problem_ = fmt::format("at byte {}: {}", offset, clause);
  }

  TarReader& tar_;
  const std::string key_;
  std::set<std::string> taken_;  // extensions that matter
  nlohmann::json row_ = nlohmann::json::object();
  nlohmann::json json_;
  std::string problem_;
  uint64_t last_ = 0;  // where the last member that matters begins
};

}  // namespace

TarSamples read_samples(TarReader& tar, const std::function<void()>& watch) {
  TarSamples samples;
  std::optional<Sample> sample;
  while (const auto member = tar.next()) {
    watch();
    const auto name = name_of(member->path);
    if (!name) continue;
    if (!sample || !sample->takes(*name)) {
      if (sample) sample->end(samples);
      sample.emplace(tar, name->key);
    }
    sample->add(name->extension, *member);
  }
  if (sample) sample->end(samples);
  return samples;
}

}  // namespace atelier
