#include "inference/variation.h"

#include <fmt/format.h>

#include "images/encode.h"

namespace atelier {
namespace {

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

}  // namespace

nlohmann::ordered_json make_record(const DesignRequest& request, const Material& material, const Origin& origin,
                                   uint64_t seed, std::optional<Rgb> color, int side) {
  const bool is_diffusion = origin.kind == "diffusion";
  nlohmann::ordered_json record;
  record["seed"] = seed;
  record["label"] = text_or_null(request.label);
  record["size"] = fmt::format("{}x{}", side, side);
  record["model"] = origin.kind;
  record["sampler"] = is_diffusion ? "heun" : "direct";
  record["steps"] = request.steps;
  record["guidance"] = request.guidance;
  record["strength"] = material.start ? nlohmann::ordered_json(request.strength) : nlohmann::ordered_json(nullptr);
  record["color"] = text_or_null(color ? color_text(*color) : "");
  record["image"] = text_or_null(material.image_sha256);
  record["condition"] = text_or_null(material.condition_sha256);
  record["checkpoint"] = origin.checkpoint_sha256;
  record["average"] = origin.average;
  record["position"] = origin.position;
  record["device"] = origin.device;
  record["threads"] = origin.threads;
  return record;
}

Variation finish(Image image, nlohmann::ordered_json record) {
  Variation variation{std::move(record), std::move(image), {}, 0, 0};
  variation.png = encode_png(variation.image, {{"Software", "Atelier"}, {"atelier", variation.record.dump()}});
  return variation;
}

}  // namespace atelier
