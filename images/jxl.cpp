#include <fmt/format.h>
#include <jxl/decode.h>
#include <memory>
#include <new>

#include "images/formats.h"
#include "images/quiet.h"

namespace atelier {
namespace {

using Decoder = std::unique_ptr<JxlDecoder, FreeWith<JxlDecoderDestroy>>;

/// sRGB, or its grey: what a lossy picture, which has no colour space of its own, is to be made into.
JxlColorEncoding srgb(bool is_grey) {
  JxlColorEncoding encoding{};
  encoding.color_space = is_grey ? JXL_COLOR_SPACE_GRAY : JXL_COLOR_SPACE_RGB;
  encoding.white_point = JXL_WHITE_POINT_D65;
  encoding.primaries = JXL_PRIMARIES_SRGB;
  encoding.transfer_function = JXL_TRANSFER_FUNCTION_SRGB;
  encoding.rendering_intent = JXL_RENDERING_INTENT_RELATIVE;
  return encoding;
}

/// Whether the one frame of a file is small enough. libjxl takes memory for a frame by the frame's own size, whatever
/// the picture's, and (0.7) ends the program where it gets none. Frames that are never shown, which only others refer
/// to, are not told of.
std::optional<DecodeFailure> judge_frames(std::span<const std::byte> bytes, int64_t max_pixels) {
  const Decoder decoder(JxlDecoderCreate(nullptr));
  if (!decoder) throw std::bad_alloc();
  JxlDecoderSubscribeEvents(decoder.get(), JXL_DEC_FRAME);
  JxlDecoderSetCoalescing(decoder.get(), JXL_FALSE);  // or only what is made of all layers is told of
  JxlDecoderSetInput(decoder.get(), as_uint8(bytes), bytes.size());
  JxlDecoderCloseInput(decoder.get());
  for (int frames = 0; JxlDecoderProcessInput(decoder.get()) == JXL_DEC_FRAME;) {
    JxlFrameHeader frame;
    if (JxlDecoderGetFrameHeader(decoder.get(), &frame) != JXL_DEC_SUCCESS) return damaged("JPEG XL", "bad frame");
    if (++frames > 1) return DecodeFailure{DecodeFault::kNotAnImage, "a JPEG XL of several layers, which is not read"};
    if (auto failure = judge_size("JPEG XL frame", frame.layer_info.xsize, frame.layer_info.ysize, max_pixels))
      return failure;
  }
  return std::nullopt;  // what is damaged is found when it is decoded
}

/// One picture on its way through libjxl, event by event. It has no threads: libjxl makes none by itself.
class Picture {
 public:
  Picture(std::span<const std::byte> bytes, int64_t max_pixels)
      : max_pixels_(max_pixels), decoder_(JxlDecoderCreate(nullptr)) {
    if (!decoder_) throw std::bad_alloc();
    JxlDecoderSubscribeEvents(decoder_.get(), JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_FULL_IMAGE);
    JxlDecoderSetUnpremultiplyAlpha(decoder_.get(), JXL_TRUE);
    JxlDecoderSetInput(decoder_.get(), as_uint8(bytes), bytes.size());
    JxlDecoderCloseInput(decoder_.get());
  }

  /// Reads the header.
  std::optional<DecodeFailure> open() {
    const JxlDecoderStatus status = JxlDecoderProcessInput(decoder_.get());
    return status == JXL_DEC_BASIC_INFO ? take_info() : failure_of(status);
  }

  /// After open(): the most that read() takes. libjxl decodes most pictures group by group in 3 to 4 bytes a pixel
  /// besides ours, but a header does not tell them from those that it keeps whole (lossy alpha, lossy without
  /// transform, responsive): measured as at most twelve bytes a sample (0.7.0), of grey as of colour.
  uint64_t bytes() const {
    constexpr uint64_t kSample = 12, kColours = 3;
    const uint64_t pixel = (has_alpha() ? 4 : 3) + kSample * (kColours + info_.num_extra_channels);
    return pixel * info_.xsize * info_.ysize;
  }

  /// After open().
  Reading read() {
    for (;;) {
      std::optional<DecodeFailure> failure;
      const JxlDecoderStatus status = JxlDecoderProcessInput(decoder_.get());
      switch (status) {
        case JXL_DEC_COLOR_ENCODING: {
          const JxlColorEncoding encoding = srgb(info_.num_color_channels == 1);
          JxlDecoderSetPreferredColorProfile(decoder_.get(), &encoding);  // a lossless picture keeps its own
          break;
        }
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
          failure = make_room();
          break;
        case JXL_DEC_FULL_IMAGE:
          return finish();
        default:
          failure = failure_of(status);
      }
      if (failure) return *std::move(failure);
    }
  }

 private:
  static DecodeFailure failure_of(JxlDecoderStatus status) {
    return damaged("JPEG XL", status == JXL_DEC_NEED_MORE_INPUT ? "unexpected end" : "bad bit stream");
  }

  std::optional<DecodeFailure> take_info() {
    if (JxlDecoderGetBasicInfo(decoder_.get(), &info_) != JXL_DEC_SUCCESS) return damaged("JPEG XL", "bad header");
    if (info_.have_animation) return DecodeFailure{DecodeFault::kNotAnImage, "an animated JPEG XL"};
    if (const uint32_t samples = info_.num_color_channels + info_.num_extra_channels; samples > kMostSamples)
      return DecodeFailure{DecodeFault::kNotAnImage, fmt::format("a JPEG XL with {} samples a pixel", samples)};
    return judge_size("JPEG XL", info_.xsize, info_.ysize, max_pixels_);
  }

  std::optional<DecodeFailure> make_room() {
    const JxlPixelFormat format{has_alpha() ? 4u : 3u, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};
    const size_t size = size_t{info_.xsize} * info_.ysize * format.num_channels;
    stored_.image.rgb.resize(size);
    if (JxlDecoderSetImageOutBuffer(decoder_.get(), &format, stored_.image.rgb.data(), size) != JXL_DEC_SUCCESS)
      return damaged("JPEG XL", "no such picture");
    return std::nullopt;
  }

  Reading finish() {
    stored_.image.width = static_cast<int>(info_.xsize);
    stored_.image.height = static_cast<int>(info_.ysize);
    if (has_alpha()) composite_on_white(stored_.image.rgb);
    return std::move(stored_);  // upright: libjxl turns it
  }

  bool has_alpha() const { return info_.alpha_bits > 0; }

  const int64_t max_pixels_;
  Decoder decoder_;
  JxlBasicInfo info_{};
  Stored stored_;
};

}  // namespace

/// Quietly: libjxl 0.7, as Debian builds it, writes to standard error what is wrong with a file.
Reading read_jxl(std::span<const std::byte> bytes, int64_t max_pixels) {
  Reading reading;
  quietly([&] {
    Picture picture(bytes, max_pixels);
    auto failure = picture.open();
    if (!failure) failure = judge_frames(bytes, max_pixels);
    reading = failure ? Reading(*std::move(failure)) : picture.read();
  });
  return reading;
}

uint64_t jxl_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels) {
  uint64_t result = 0;
  quietly([&] {
    Picture picture(bytes, max_pixels);
    if (!picture.open()) result = picture.bytes();
  });
  return result;
}

}  // namespace atelier
