#pragma once

#include <string>
#include <utility>
#include <vector>

#include "configs/config.h"

/// The settings as names: from layers to a Config, and back to text.
namespace atelier {

/// One setting, as --help, --show-config and the documentation show it.
struct SettingInfo {
  std::string key;          ///< "data.max_image_size"
  std::string environment;  ///< "MAX_IMAGE_SIZE" or "ATELIER_DATA_THREADS"
  std::string type;         ///< "integer", "number", "boolean", "text" or the choices: "full|window|none"
  std::string fallback;     ///< the default, as text
  std::string unit;         ///< "bytes", "seconds", ... or empty
  std::string range;        ///< "1..1024", or empty
  std::string help;         ///< one line
};

std::vector<SettingInfo> list_settings();

/// One layer: where its values come from, and key -> text.
struct Layer {
  std::string name;  ///< "file run.yaml", "environment", "flag"
  std::vector<std::pair<std::string, std::string>> values;
};

/// A Config, and the layer that each value came from ("default" where none gave it).
struct Resolved {
  Config config;
  std::vector<std::pair<std::string, std::string>> sources;  ///< key -> layer, in the order of list_settings()
};

/// Lays `layers` over the defaults, later ones on top. Throws std::invalid_argument with one sentence that names the
/// layer, the key, the value, the allowed range and the nearest valid name.
Resolved resolve(const std::vector<Layer>& layers);

/// The same over what is resolved already, such as one of many requests over what they have in common.
Resolved resolve(Resolved base, const Layer& layer);

/// A YAML file as a layer. Nested maps and dotted keys are the same. Throws std::invalid_argument: unreadable, not YAML
/// (with line and column), an alias bomb, a list where a value is due.
Layer read_yaml_layer(const std::string& path);

/// The environment as a layer: the four short names and every ATELIER_ one. An ATELIER_ name that is no setting is an
/// error.
Layer read_environment_layer(char** environment);

/// The tree as YAML; with sources, each line ends in a comment that says where the value came from.
std::string to_yaml(const Config& config);
std::string to_yaml(const Resolved& resolved);

/// One setting's value as text, by its key. Throws std::invalid_argument for an unknown key.
std::string setting_text(const Config& config, const std::string& key);

}  // namespace atelier
