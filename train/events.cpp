#include "train/events.h"

#include <bit>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <isa-l/crc.h>

#include "train/append.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "events.out.tfevents.";

static_assert(std::endian::native == std::endian::little, "records and messages hold little-endian numbers");

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

/// CRC-32C, rotated and shifted so that a checksum of checksums stays sound (TFRecord's masking).
uint32_t masked_crc(std::string data) {
  // crc32_iscsi leaves the customary inversions, before and after, to its caller.
  const uint32_t crc = ~crc32_iscsi(std::bit_cast<unsigned char*>(data.data()), static_cast<int>(data.size()), ~0U);
  return std::rotr(crc, 15) + 0xa282ead8U;
}

/// A protocol buffers message being written: fields in any order, each a number and a wire type before its value.
class Message {
 public:
  Message& varint(int field, uint64_t value) {
    key(field, 0);
    raw_varint(value);
    return *this;
  }
  Message& fixed(int field, double value) {
    key(field, 1);
    bytes_ += little_endian(value);
    return *this;
  }
  Message& fixed(int field, float value) {
    key(field, 5);
    bytes_ += little_endian(value);
    return *this;
  }
  Message& bytes(int field, std::string_view value) {
    key(field, 2);
    raw_varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.bytes_); }
  const std::string& encoded() const { return bytes_; }

 private:
  void key(int field, int wire_type) {
    raw_varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
  }
  void raw_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

/// Event: wall_time = 1.
Message event_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Message().fixed(1, std::chrono::duration<double>(now).count());
}

std::string file_name(uint64_t position) { return fmt::format("{}{:012}.atelier", kPrefix, position); }

/// One that is not there, after those of this position that are, as TensorBoard sorts them.
fs::path next_file(const fs::path& folder, uint64_t position) {
  fs::path file = folder / file_name(position);
  for (int number = 2; fs::exists(file); ++number) file = folder / fmt::format("{}.{:04}", file_name(position), number);
  return file;
}

/// Those that hold nothing up to `position`, and of this writer alone: other tools may write beside it.
void remove_later_files(const fs::path& folder, uint64_t position) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const uint64_t own = std::strtoull(name.c_str() + kPrefix.size(), nullptr, 10);
    if ((own > position || position == 0) && name.starts_with(file_name(own))) fs::remove(entry.path());
  }
}

}  // namespace

EventWriter::EventWriter(const fs::path& folder, uint64_t position) {
  fs::create_directories(folder);
  remove_later_files(folder, position);
  path_ = next_file(folder, position);
  record(event_now().bytes(3, "brain.Event:2").encoded());  // Event: file_version = 3, the first record of every file
  if (position > 0)  // Event: step = 2, the first that is redone; session_log = 7; SessionLog: status = 1, START = 1
    record(event_now().varint(2, position + 1).message(7, Message().varint(1, 1)).encoded());
}

// Summary.Value: tag = 1, simple_value = 2, image = 4, tensor = 8, metadata = 9.

void EventWriter::scalar(std::string_view tag, uint64_t position, double value) {
  summary(position, Message().bytes(1, tag).fixed(2, static_cast<float>(value)).encoded());
}

void EventWriter::image(std::string_view tag, uint64_t position, int width, int height,
                        std::span<const std::byte> png) {
  const std::string file(std::bit_cast<const char*>(png.data()), png.size());
  const auto size = [](int side) { return static_cast<uint64_t>(side); };
  // Summary.Image: height = 1, width = 2, colorspace = 3 (3 is RGB), encoded_image_string = 4.
  const auto picture = Message().varint(1, size(height)).varint(2, size(width)).varint(3, 3).bytes(4, file);
  summary(position, Message().bytes(1, tag).message(4, picture).encoded());
}

void EventWriter::text(std::string_view tag, uint64_t position, std::string_view text) {
  // TensorProto: dtype = 1 (7 is DT_STRING), tensor_shape = 2 { dim = 2 { size = 1 } }, string_val = 8.
  const auto shape = Message().message(2, Message().varint(1, 1));
  const auto tensor = Message().varint(1, 7).message(2, shape).bytes(8, text);
  // SummaryMetadata: plugin_data = 1 { plugin_name = 1 }.
  const auto metadata = Message().message(1, Message().bytes(1, "text"));
  summary(position, Message().bytes(1, tag).message(8, tensor).message(9, metadata).encoded());
}

void EventWriter::summary(uint64_t position, const std::string& value) {
  // Event: step = 2, summary = 5; Summary: value = 1.
  record(event_now().varint(2, position).message(5, Message().bytes(1, value)).encoded());
}

void EventWriter::record(const std::string& event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  append_whole(path_, length + little_endian(masked_crc(length)) + event + little_endian(masked_crc(event)));
}

}  // namespace atelier
