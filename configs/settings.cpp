#include "configs/settings.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <stdexcept>

#include "configs/each_setting.h"
#include "configs/nearest.h"

namespace atelier {
namespace {

constexpr const char* kFlag = "flag";
constexpr const char* kEnvironment = "environment";

/// The place of a setting in a layer, as the start of a sentence.
std::string place(const Layer& layer, const std::string& key, const std::string& environment) {
  if (layer.name == kFlag) return "flag --" + key + ":";
  if (layer.name == kEnvironment) return "environment " + environment + ":";
  return layer.name + ": " + key;
}

std::invalid_argument no_such_setting(const Layer& layer, const std::string& key) {
  std::vector<std::string> keys;
  for (const SettingInfo& setting : list_settings()) {
    keys.push_back((layer.name == kFlag ? "--" : "") + setting.key);
  }
  const std::string wrong = layer.name == kFlag ? "--" + key : key;
  const std::string is_none = layer.name == kFlag ? "no such setting" : "is no setting";
  return std::invalid_argument(
      fmt::format("{} {}; did you mean {}?", place(layer, key, key), is_none, nearest(wrong, keys)));
}

/// key -> text of one layer; refuses a key that is given twice.
std::map<std::string, std::string> by_key(const Layer& layer) {
  std::map<std::string, std::string> values;
  for (const auto& [key, text] : layer.values) {
    if (!values.emplace(key, text).second) {
      throw std::invalid_argument(fmt::format("{} is given twice; give it once", place(layer, key, key)));
    }
  }
  return values;
}

void lay(const Layer& layer, Resolved& resolved) {
  std::map<std::string, std::string> values = by_key(layer);
  size_t index = 0;
  each_setting(resolved.config, [&](const Setting& setting, auto& member, const auto& domain) {
    auto& source = resolved.sources.at(index++).second;
    const auto given = values.extract(setting.key);
    if (given.empty()) return;
    if (!domain.parse(given.mapped(), member)) {
      throw std::invalid_argument(fmt::format("{} cannot be \"{}\"; it takes {}",
                                              place(layer, setting.key, environment_name(setting)), given.mapped(),
                                              domain.takes()));
    }
    source = layer.name;
  });
  if (!values.empty()) throw no_such_setting(layer, values.begin()->first);
}

/// A text value between quotes, where YAML cannot take it for anything else. Control characters never get here.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

struct YamlLine {
  std::string key, text;
};

/// One line a setting and one a section.
std::vector<YamlLine> yaml_lines(const Config& config) {
  std::vector<YamlLine> lines;
  std::string section;
  each_setting(config, [&](const Setting& setting, const auto& member, const auto& domain) {
    const std::string key = setting.key;
    const size_t dot = key.find('.');
    const std::string text = domain.type() == "text" ? quoted(domain.text(member)) : domain.text(member);
    if (dot == std::string::npos) {
      lines.push_back({key, key + ": " + text});
      return;
    }
    if (section != key.substr(0, dot)) {
      section = key.substr(0, dot);
      lines.push_back({"", section + ":"});
    }
    lines.push_back({key, "  " + key.substr(dot + 1) + ": " + text});
  });
  return lines;
}

}  // namespace

std::string environment_name(const Setting& setting) {
  if (setting.environment != nullptr) return setting.environment;
  std::string name = "ATELIER_";
  for (const char c : std::string_view(setting.key)) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::vector<SettingInfo> list_settings() {
  std::vector<SettingInfo> settings;
  const Config defaults;
  each_setting(defaults, [&](const Setting& setting, const auto& member, const auto& domain) {
    settings.push_back({setting.key, environment_name(setting), domain.type(), domain.text(member), setting.unit,
                        domain.range(), setting.help});
  });
  return settings;
}

Resolved resolve(const std::vector<Layer>& layers) {
  Resolved resolved;
  for (const SettingInfo& setting : list_settings()) resolved.sources.emplace_back(setting.key, "default");
  for (const Layer& layer : layers) lay(layer, resolved);
  return resolved;
}

Resolved resolve(Resolved base, const Layer& layer) {
  lay(layer, base);
  return base;
}

Layer read_environment_layer(char** environment) {
  constexpr std::string_view kPrefix = "ATELIER_";
  std::map<std::string, std::string> keys;      // environment name -> key
  std::vector<std::string> names, spelled_out;  // what it is called, and what a reader of the keys would guess
  const Config defaults;
  each_setting(defaults, [&](const Setting& setting, const auto&, const auto&) {
    names.push_back(environment_name(setting));
    spelled_out.push_back(environment_name({setting.key, "", ""}));
    keys.emplace(names.back(), setting.key);
  });
  Layer layer{kEnvironment, {}};
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = std::min(variable.find('='), variable.size());
    const std::string name(variable.substr(0, equals));
    const std::string_view value = variable.substr(std::min(equals + 1, variable.size()));
    const auto known = keys.find(name);
    if (known != keys.end()) {
      if (!value.empty()) layer.values.emplace_back(known->second, value);
    } else if (name.starts_with(kPrefix)) {
      const auto guess = std::find(spelled_out.begin(), spelled_out.end(), name);
      throw std::invalid_argument(fmt::format(
          "environment {}: no such setting; did you mean {}?", name,
          guess == spelled_out.end() ? nearest(name, names) : names[static_cast<size_t>(guess - spelled_out.begin())]));
    }
  }
  return layer;
}

std::string to_yaml(const Config& config) {
  std::string yaml;
  for (const YamlLine& line : yaml_lines(config)) yaml += line.text + '\n';
  return yaml;
}

std::string to_yaml(const Resolved& resolved) {
  constexpr size_t kLongestAligned = 48;
  const std::map<std::string, std::string> sources(resolved.sources.begin(), resolved.sources.end());
  const std::vector<YamlLine> lines = yaml_lines(resolved.config);
  size_t width = 0;
  for (const YamlLine& line : lines) {
    if (line.text.size() <= kLongestAligned) width = std::max(width, line.text.size());
  }
  std::string yaml;
  for (const YamlLine& line : lines) {
    yaml += line.key.empty() ? line.text + '\n' : fmt::format("{:<{}}  # {}\n", line.text, width, sources.at(line.key));
  }
  return yaml;
}

std::string setting_text(const Config& config, const std::string& key) {
  std::optional<std::string> text;
  each_setting(config, [&](const Setting& setting, const auto& member, const auto& domain) {
    if (key == setting.key) text = domain.text(member);
  });
  if (text) return *text;
  std::vector<std::string> keys;
  for (const SettingInfo& setting : list_settings()) keys.push_back(setting.key);
  throw std::invalid_argument(fmt::format("{} is no setting; did you mean {}?", key, nearest(key, keys)));
}

}  // namespace atelier
