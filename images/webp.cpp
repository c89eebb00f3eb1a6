#include <memory>
#include <string_view>
#include <webp/decode.h>
#include <webp/demux.h>

#include "images/formats.h"

namespace atelier {
namespace {

std::string_view status_name(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return "unexpected end";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unknown feature";
    default:
      return "bad bit stream";
  }
}

int orientation(std::span<const std::byte> file) {
  const WebPData data{as_uint8(file), file.size()};
  const std::unique_ptr<WebPDemuxer, FreeWith<WebPDemuxDelete>> demuxer(WebPDemux(&data));
  if (!demuxer) return 1;
  WebPChunkIterator chunk;
  if (!WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) return 1;
  const int result = orientation_of_block(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)));
  WebPDemuxReleaseChunkIterator(&chunk);
  return result;
}

std::optional<DecodeFailure> open(std::span<const std::byte> bytes, WebPBitstreamFeatures& features,
                                  int64_t max_pixels) {
  const VP8StatusCode status = WebPGetFeatures(as_uint8(bytes), bytes.size(), &features);
  if (status != VP8_STATUS_OK) return damaged("WebP", status_name(status));
  if (features.has_animation) return DecodeFailure{DecodeFault::kNotAnImage, "an animated WebP"};
  return judge_size("WebP", features.width, features.height, max_pixels);
}

}  // namespace

Reading read_webp(std::span<const std::byte> bytes, int64_t max_pixels) {
  WebPDecoderConfig config;
  WebPInitDecoderConfig(&config);
  if (auto failure = open(bytes, config.input, max_pixels)) return *std::move(failure);
  const int width = config.input.width, height = config.input.height;
  Stored stored;
  const bool alpha = config.input.has_alpha;
  const int stride = width * (alpha ? 4 : 3);
  stored.image.width = width;
  stored.image.height = height;
  stored.image.rgb.resize(static_cast<size_t>(stride) * static_cast<size_t>(height));
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {stored.image.rgb.data(), stride, stored.image.rgb.size()};
  const VP8StatusCode status = WebPDecode(as_uint8(bytes), bytes.size(), &config);
  if (status != VP8_STATUS_OK) return damaged("WebP", status_name(status));
  if (alpha) composite_on_white(stored.image.rgb);
  stored.orientation = orientation(bytes);
  return stored;
}

uint64_t webp_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels) {
  constexpr int kLossy = 1;  // of WebPBitstreamFeatures::format
  WebPBitstreamFeatures features;
  if (open(bytes, features, max_pixels)) return 0;
  // libwebp's own: of a lossless picture ARGB, of an alpha channel beside a lossy one its plane and at most ARGB.
  const bool alpha = features.has_alpha;
  const uint64_t inside = features.format != kLossy ? 4 : alpha ? 5 : 0;
  return (inside + (alpha ? 4 : 3)) * static_cast<uint64_t>(features.width) * static_cast<uint64_t>(features.height);
}

}  // namespace atelier
