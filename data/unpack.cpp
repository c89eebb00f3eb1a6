#include "data/unpack.h"

#include <algorithm>
#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <memory>
#include <stdexcept>
#include <vector>
#include <zstd.h>

#include "base/free_with.h"

namespace atelier {
namespace {

using Take = std::function<void(std::string_view piece, double share)>;

constexpr size_t kPieceBytes = size_t{1} << 20;

std::invalid_argument cut_short(const char* format) {
  return std::invalid_argument(fmt::format("cut short: it ends inside its {} data; fetch or pack it again", format));
}

std::invalid_argument damaged(const char* format, size_t offset, const char* why) {
  return std::invalid_argument(
      fmt::format("damaged {} data near byte {} ({}); fetch or pack it again", format, offset, why));
}

const char* reason_of(int code) {
  switch (code) {
    case ISAL_INVALID_WRAPPER:
      return "no gzip header";
    case ISAL_UNSUPPORTED_METHOD:
      return "an unknown method";
    case ISAL_INCORRECT_CHECKSUM:
      return "its checksum does not match";
    default:
      return "an invalid block";
  }
}

void unpack_gzip(std::string_view packed, const Take& take) {
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;  // reads header and trailer, too
  std::vector<uint8_t> piece(kPieceBytes);
  size_t given = 0;
  for (;;) {
    if (state->avail_in == 0) {
      const size_t more = std::min(kPieceBytes, packed.size() - given);
      state->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(packed.data())) + given;  // only read
      state->avail_in = static_cast<uint32_t>(more);
      given += more;
    }
    state->next_out = piece.data();
    state->avail_out = static_cast<uint32_t>(piece.size());
    const int code = isal_inflate(state.get());
    const size_t done = given - state->avail_in;
    if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) throw damaged("gzip", done, reason_of(code));
    take({reinterpret_cast<const char*>(piece.data()), piece.size() - state->avail_out},
         static_cast<double>(done) / static_cast<double>(packed.size()));
    if (state->block_state == ISAL_BLOCK_FINISH) {
      if (done == packed.size()) return;
      isal_inflate_reset(state.get());  // another member follows
    } else if (done == packed.size() && state->avail_out > 0) {
      throw cut_short("gzip");
    }
  }
}

void unpack_zstd(std::string_view packed, const Take& take) {
  const std::unique_ptr<ZSTD_DCtx, FreeWith<ZSTD_freeDCtx>> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  std::vector<char> piece(kPieceBytes);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    const size_t left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0) throw damaged("zstd", in.pos, ZSTD_getErrorName(left));
    take({piece.data(), out.pos}, static_cast<double>(in.pos) / static_cast<double>(packed.size()));
    if (in.pos < in.size) continue;
    if (left == 0) return;
    if (out.pos < out.size) throw cut_short("zstd");
  }
}

}  // namespace

std::optional<Packing> packing_of(const std::filesystem::path& file) {
  if (file.extension() == ".gz") return Packing::kGzip;
  if (file.extension() == ".zst") return Packing::kZstd;
  return std::nullopt;
}

void unpack(std::string_view packed, Packing packing, const Take& take) {
  if (packed.empty()) throw std::invalid_argument("empty; fetch or pack it again");
  packing == Packing::kGzip ? unpack_gzip(packed, take) : unpack_zstd(packed, take);
}

}  // namespace atelier
