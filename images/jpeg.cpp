#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs it
#include <jerror.h>
#include <jpeglib.h>
#include <new>
#include <utility>

#include "images/formats.h"
#include "images/resize.h"

namespace atelier {
namespace {

/// Scans of a progressive file; encoders write about ten, hostile files thousands, each a pass over the picture.
constexpr int kMostScans = 100;

/// The largest of 8, 4 and 2 by which both edges can be divided and still be at least those of `least`, else 1; of
/// `least` without pixels 1. Other scales have no SIMD path in libjpeg-turbo and take longer than full size.
int divisor(Size edges, Size least) {
  if (least.width <= 0 || least.height <= 0) return 1;
  for (const int by : {8, 4, 2}) {
    if ((edges.width + by - 1) / by >= least.width && (edges.height + by - 1) / by >= least.height) return by;
  }
  return 1;
}

/// Adobe's CMYK, stored inverted (255: no ink), to RGB; in place. Files without Adobe's marker are read likewise, as
/// Pillow does.
void inverted_cmyk_to_rgb(std::vector<uint8_t>& pixels) {
  const size_t count = pixels.size() / 4;
  for (size_t i = 0; i < count; ++i) {
    const unsigned key = pixels[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) pixels[3 * i + c] = static_cast<uint8_t>((pixels[4 * i + c] * key + 127) / 255);
  }
  pixels.resize(3 * count);
}

/// What libjpeg's callbacks are given. libjpeg leaves by longjmp, which runs no destructors.
struct Errors : jpeg_error_mgr {
  std::jmp_buf leave;
  char reason[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto& errors = static_cast<Errors&>(*jpeg->err);
  errors.format_message(jpeg, errors.reason);
  std::longjmp(errors.leave, 1);
}

/// Stray bytes between markers, and headers that the decoder knows how to read anyway, are harmless. Every other
/// warning means that parts of the picture are missing or invented.
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_NOT_SEQUENTIAL || code == JWRN_ADOBE_XFORM;
  if (level < 0 && !harmless) on_error(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMostScans) return;
  auto& errors = static_cast<Errors&>(*jpeg->err);
  std::snprintf(errors.reason, sizeof errors.reason, "more than %d scans", kMostScans);
  std::longjmp(errors.leave, 1);
}

/// libjpeg's decoder of one file.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    progress_.progress_monitor = on_progress;
    created_ = succeeds([&] {
      jpeg_create_decompress(&jpeg_);
      jpeg_.progress = &progress_;
      jpeg_mem_src(&jpeg_, as_uint8(bytes), bytes.size());
    });
    if (!created_) throw std::bad_alloc();
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&jpeg_); }

  /// Runs `steps` of libjpeg; false when it ended in an error. `steps` may have only trivial locals.
  template <class Steps>
  bool succeeds(const Steps& steps) {
    if (setjmp(errors_.leave) != 0) return false;
    steps();
    return true;
  }

  /// Reads the header and chooses the scale by the smallest edges that the caller needs.
  std::optional<DecodeFailure> open(Size least, int64_t max_pixels) {
    if (!succeeds([&] { jpeg_read_header(&jpeg_, TRUE); })) return failure();
    const int64_t width = jpeg_.image_width, height = jpeg_.image_height;
    if (auto too_large = judge_size("JPEG", width, height, max_pixels)) return too_large;
    jpeg_.scale_num = 1;
    jpeg_.scale_denom = static_cast<unsigned>(divisor({static_cast<int>(width), static_cast<int>(height)}, least));
    if (!succeeds([&] { jpeg_calc_output_dimensions(&jpeg_); })) return failure();
    return std::nullopt;
  }

  bool is_cmyk() const { return jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK; }
  /// Of a row that read_pixels() takes.
  size_t stride() const { return static_cast<size_t>(width()) * (is_cmyk() ? 4 : 3); }
  /// That libjpeg keeps, because a file of several scans has its picture only at the end.
  uint64_t coefficient_bytes() {
    if (!jpeg_has_multiple_scans(&jpeg_)) return 0;
    const auto padded = [](JDIMENSION blocks, int factor) {
      const auto step = static_cast<uint64_t>(factor);
      return (blocks + step - 1) / step * step;
    };
    uint64_t blocks = 0;
    for (int i = 0; i < jpeg_.num_components; ++i) {
      const jpeg_component_info& plane = jpeg_.comp_info[i];
      blocks +=
          padded(plane.width_in_blocks, plane.h_samp_factor) * padded(plane.height_in_blocks, plane.v_samp_factor);
    }
    return blocks * sizeof(JBLOCK);
  }
  int width() const { return static_cast<int>(jpeg_.output_width); }
  int height() const { return static_cast<int>(jpeg_.output_height); }
  DecodeFailure failure() const { return damaged("JPEG", errors_.reason); }
  jpeg_decompress_struct& operator*() { return jpeg_; }
  jpeg_decompress_struct* operator->() { return &jpeg_; }

 private:
  Errors errors_;
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
  bool created_ = false;
};

Reading read_pixels(Decoder& jpeg, std::span<const std::byte> bytes) {
  Stored stored;
  const bool cmyk = jpeg.is_cmyk();
  jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  const size_t stride = jpeg.stride();
  stored.image.width = jpeg.width();
  stored.image.height = jpeg.height();
  stored.image.rgb.resize(stride * jpeg->output_height);
  uint8_t* const pixels = stored.image.rgb.data();
  const bool complete = jpeg.succeeds([&] {
    jpeg_start_decompress(&*jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
      uint8_t* row = pixels + jpeg->output_scanline * stride;
      jpeg_read_scanlines(&*jpeg, &row, 1);
    }
    jpeg_finish_decompress(&*jpeg);
  });
  if (!complete) return jpeg.failure();
  if (cmyk) inverted_cmyk_to_rgb(stored.image.rgb);
  stored.orientation = orientation_of_jpeg(bytes);
  return stored;
}

/// Reads the planes of a file without building its picture: the resize is behind the inverse cosine transform, and
/// chroma is neither enlarged nor converted at full size. What the frame does not show is decoded only as far as it
/// takes to find the rest.
class PlaneReader {
 public:
  explicit PlaneReader(Decoder& jpeg) : jpeg_(jpeg) {}

  /// Whether the file is grey or YCbCr with planes that fit into each other.
  bool can_read() const {
    const int colours = jpeg_->jpeg_color_space;
    if (jpeg_->num_components != (colours == JCS_GRAYSCALE ? 1 : 3)) return false;
    if (colours != JCS_GRAYSCALE && colours != JCS_YCbCr) return false;
    for (int i = 0; i < jpeg_->num_components; ++i) {
      const jpeg_component_info& plane = jpeg_->comp_info[i];
      if (columns_a_reading() % columns_of(plane) != 0 || rows_a_reading() % rows_of(plane) != 0) return false;
    }
    return jpeg_->num_components == 3 || (jpeg_->max_h_samp_factor == 1 && jpeg_->max_v_samp_factor == 1);
  }

  std::optional<DecodeFailure> read(const Placement& placement, std::span<uint8_t> planes) {
    const auto count = static_cast<size_t>(jpeg_->num_components);
    std::array<Layer, 3> layers;
    for (size_t i = 0; i < count; ++i) {
      const jpeg_component_info& plane = jpeg_->comp_info[i];
      readings_[i] = rows_of(plane);
      layers[i] = {.width = static_cast<int>(plane.downsampled_width),
                   .height = static_cast<int>(plane.downsampled_height),
                   .coarse_x = columns_a_reading() / columns_of(plane),
                   .coarse_y = rows_a_reading() / rows_of(plane)};
    }
    if (!start(placement)) return jpeg_.failure();
    Resizer resizer(placement, std::span(layers).first(count), planes);
    for (size_t i = 0; i < count; ++i)
      reserve(i, layers[i], resizer.rows_to_keep(i, std::span(readings_).first(count)));
    const int last = placement.top + placement.rows;
    std::array<int, 3> available{};
    while (jpeg_->output_scanline < jpeg_->output_height) {
      const int row = static_cast<int>(jpeg_->output_scanline);
      if (!read_rows(row + rows_a_reading() > placement.top && row < last)) return jpeg_.failure();
      for (size_t i = 0; i < count; ++i) available[i] = std::min(available[i] + readings_[i], layers[i].height);
      resizer.advance(std::span(rows_).first(count), std::span(available).first(count));
    }
    if (!jpeg_.succeeds([&] { jpeg_finish_decompress(&*jpeg_); })) return jpeg_.failure();
    resizer.finish();
    return std::nullopt;
  }

 private:
  int columns_a_reading() const { return jpeg_->max_h_samp_factor * jpeg_->min_DCT_scaled_size; }
  int rows_a_reading() const { return jpeg_->max_v_samp_factor * jpeg_->min_DCT_scaled_size; }
  static int columns_of(const jpeg_component_info& plane) { return plane.h_samp_factor * plane.DCT_scaled_size; }
  static int rows_of(const jpeg_component_info& plane) { return plane.v_samp_factor * plane.DCT_scaled_size; }

  /// Leaves out the columns that the frame does not show, in steps of whole blocks.
  bool start(const Placement& placement) {
    auto left = static_cast<JDIMENSION>(placement.left), columns = static_cast<JDIMENSION>(placement.columns);
    if (placement.columns < 2 * columns_a_reading()) left = 0, columns = jpeg_->output_width;
    const bool started = jpeg_.succeeds([&] {
      jpeg_->raw_data_out = TRUE;
      jpeg_->do_block_smoothing = FALSE;
      jpeg_start_decompress(&*jpeg_);
      // libjpeg leaves out columns only of pictures, but the tables of blocks that this sets hold for planes as well:
      // for the length of the call it is told that it decodes a picture.
      const int planes = std::exchange(jpeg_->global_state, kDecodesAPicture);
      jpeg_crop_scanline(&*jpeg_, &left, &columns);
      jpeg_->global_state = planes;
    });
    left_ = static_cast<int>(left);
    return started;
  }

  /// Room for `kept` rows of a plane.
  void reserve(size_t index, const Layer& layer, int kept) {
    const int blocks = (jpeg_.width() + columns_a_reading() - 1) / columns_a_reading();
    const auto stride = static_cast<size_t>(blocks) * static_cast<size_t>(columns_of(jpeg_->comp_info[index]));
    memory_[index].resize(stride * static_cast<size_t>(kept));
    rows_[index] = {.samples = memory_[index].data(), .stride = stride, .kept = kept, .left = left_ / layer.coarse_x};
  }

  /// The next row of blocks of every plane; one that is not `shown` is only passed over.
  bool read_rows(bool shown) {
    JSAMPROW rows[3][kMostRows];
    JSAMPARRAY planes[3] = {rows[0], rows[1], rows[2]};
    for (int i = 0; i < jpeg_->num_components; ++i) {
      const auto plane = static_cast<size_t>(i);
      jpeg_->comp_info[i].component_needed = shown ? TRUE : FALSE;
      for (int row = 0; row < readings_[plane]; ++row) {
        const auto place = static_cast<size_t>((number_ * readings_[plane] + row) % rows_[plane].kept);
        rows[i][row] = memory_[plane].data() + place * rows_[plane].stride;
      }
    }
    ++number_;
    return jpeg_.succeeds([&] { jpeg_read_raw_data(&*jpeg_, planes, static_cast<JDIMENSION>(rows_a_reading())); });
  }

  static constexpr int kDecodesAPicture = 205;  ///< DSTATE_SCANNING of libjpeg's jpegint.h
  static constexpr int kMostRows = MAX_SAMP_FACTOR * DCTSIZE;

  Decoder& jpeg_;
  std::array<int, 3> readings_{};  ///< rows of each plane that one reading brings
  std::array<std::vector<uint8_t>, 3> memory_;
  std::array<Rows, 3> rows_;
  int left_ = 0;    ///< column of the picture with which rows begin
  int number_ = 0;  ///< readings so far
};

}  // namespace

Reading read_jpeg(std::span<const std::byte> bytes, int min_side, int64_t max_pixels) {
  Decoder jpeg(bytes);
  if (auto failure = jpeg.open({min_side, min_side}, max_pixels)) return *std::move(failure);
  return read_pixels(jpeg, bytes);
}

uint64_t jpeg_decoding_bytes(std::span<const std::byte> bytes, const Size& frame, int64_t max_pixels) {
  Decoder jpeg(bytes);
  if (jpeg.open(as_stored(frame, orientation_of_jpeg(bytes)), max_pixels)) return 0;
  const uint64_t picture = PlaneReader(jpeg).can_read() ? 0 : jpeg.stride() * static_cast<uint64_t>(jpeg.height());
  return jpeg.coefficient_bytes() + picture;
}

std::optional<DecodeFailure> read_jpeg(std::span<const std::byte> bytes, const Framing& framing,
                                       const Augmentation& augmentation, std::span<uint8_t> planes,
                                       int64_t max_pixels) {
  Decoder jpeg(bytes);
  const int orientation = orientation_of_jpeg(bytes);
  if (auto failure = jpeg.open(as_stored(framing.size, orientation), max_pixels)) return failure;
  const Placement placement = place(jpeg.width(), jpeg.height(), orientation, framing, augmentation);
  if (PlaneReader reader(jpeg); reader.can_read()) return reader.read(placement, planes);
  const Reading reading = read_pixels(jpeg, bytes);
  if (const auto* failure = std::get_if<DecodeFailure>(&reading)) return *failure;
  resize(std::get<Stored>(reading).image, placement, planes);
  return std::nullopt;
}

}  // namespace atelier
