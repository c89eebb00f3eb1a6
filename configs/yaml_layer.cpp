#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "configs/settings.h"

/// A YAML file as a layer, read event by event: no tree is built, so nothing in the file can make it grow.
namespace atelier {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;

bool is_section(const std::string& path) {
  const std::vector<SettingInfo> settings = list_settings();
  return std::any_of(settings.begin(), settings.end(), [&](const auto& s) { return s.key.starts_with(path + "."); });
}

class LayerBuilder : public YAML::EventHandler {
 public:
  explicit LayerBuilder(Layer& layer) : layer_(layer) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document begins; a file holds one");
  }
  void OnDocumentEnd() override {}

  /// Fine for an empty document, and for a section whose settings are all commented out.
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (maps_.empty()) return;
    if (!key_) refuse(mark, "a setting has no name");
    if (!is_section(path()))
      refuse(mark, path() + " has no value; quotes are needed around null, ~ and what begins with #");
    key_.reset();
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases are not allowed"); }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string& value) override {
    if (maps_.empty()) refuse(mark, "settings are written as \"name: value\"");
    if (!key_) {
      key_ = value;
      return;
    }
    note(mark);
    layer_.values.emplace_back(path(), value);
    key_.reset();
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    refuse(mark, key_ ? path() + " cannot be a list; it takes one value" : "a list stands where a name is due");
  }
  void OnSequenceEnd() override {}

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    constexpr size_t kMaxDepth = 8;
    if (maps_.size() == kMaxDepth) refuse(mark, "maps are nested too deep");
    if (maps_.empty()) {
      maps_.emplace_back();
      return;
    }
    if (!key_) refuse(mark, "a map stands where a name is due");
    note(mark);
    maps_.push_back(path() + ".");
    key_.reset();
  }

  void OnMapEnd() override { maps_.pop_back(); }

 private:
  std::string path() const { return maps_.back() + key_.value_or(""); }

  void note(const YAML::Mark& mark) {
    const auto [earlier, fresh] = lines_.emplace(path(), mark.line + 1);
    if (!fresh) refuse(mark, fmt::format("{} is given twice, first in line {}", path(), earlier->second));
  }

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& what) const {
    throw std::invalid_argument(
        fmt::format("{}: {} (line {}, column {})", layer_.name, what, mark.line + 1, mark.column + 1));
  }

  Layer& layer_;
  int documents_ = 0;
  std::vector<std::string> maps_;     // the open maps' paths, each with its dot
  std::optional<std::string> key_;    // the name whose value comes next
  std::map<std::string, int> lines_;  // path -> line, of everything seen
};

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::invalid_argument(fmt::format("file {}: cannot be opened", path));
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) throw std::invalid_argument(fmt::format("file {}: cannot be read; is it a folder?", path));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxBytes) throw std::invalid_argument(fmt::format("file {}: is larger than 1 MiB", path));
  return text;
}

}  // namespace

Layer read_yaml_layer(const std::string& path) {
  Layer layer{"file " + path, {}};
  std::istringstream text(read_text(path));
  LayerBuilder builder(layer);
  try {
    YAML::Parser parser(text);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    throw std::invalid_argument(fmt::format("{}: is not YAML: {} (line {}, column {})", layer.name, error.msg,
                                            error.mark.line + 1, error.mark.column + 1));
  }
  return layer;
}

}  // namespace atelier
