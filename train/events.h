#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// TensorBoard's event files, written without TensorFlow: records of length, payload and masked CRC-32C (the TFRecord
/// framing), each payload an `Event` message of tensorboard's event.proto, encoded here by hand.
namespace atelier {

/// One file of events. Not thread-safe. Throws std::runtime_error when the disk refuses; what is written
/// later is sound all the same.
class EventWriter {
 public:
  /// Begins a file `folder`/events.out.tfevents.<position>.atelier (.0002, ... where it is there: a run may start at a
  /// position more than once). Files of later positions are removed, and a start mark makes TensorBoard drop what the
  /// others hold beyond `position`: a resumed run takes the place of what it redoes.
  EventWriter(const std::filesystem::path& folder, uint64_t position);

  void scalar(std::string_view tag, uint64_t position, double value);
  /// `png` is a whole PNG file.
  void image(std::string_view tag, uint64_t position, int width, int height, std::span<const std::byte> png);
  /// Markdown.
  void text(std::string_view tag, uint64_t position, std::string_view text);

 private:
  void summary(uint64_t position, const std::string& value);
  void record(const std::string& event);

  std::filesystem::path path_;
};

}  // namespace atelier
