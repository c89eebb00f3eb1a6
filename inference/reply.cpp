#include "inference/reply.h"

#include <cmath>
#include <fmt/format.h>

#include "images/encode.h"

namespace atelier {

std::string make_reply(int64_t created, std::span<const Variation> variations,
                       std::span<const std::filesystem::path> files) {
  constexpr size_t kRecordBytes = 1024;
  size_t size = kRecordBytes;
  for (const Variation& variation : variations) size += kRecordBytes + (variation.png.size() + 2) / 3 * 4;

  std::string reply;
  reply.reserve(size);
  reply += fmt::format("{{\"created\":{},\"data\":[", created);
  for (size_t i = 0; i < variations.size(); ++i) {
    auto record = variations[i].record;
    record["request"] = variations[i].request;
    record["milliseconds"] = std::round(variations[i].milliseconds * 10) / 10;
    if (!files.empty()) record["file"] = files[i].string();
    const std::string text = record.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    if (i > 0) reply += ',';
    reply.append(text, 0, text.size() - 1);  // without its closing brace
    reply += ",\"b64_json\":\"";
    append_base64(variations[i].png, reply);
    reply += "\"}";
  }
  reply += "]}\n";
  return reply;
}

}  // namespace atelier
