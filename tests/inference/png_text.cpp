#include "tests/inference/png_text.h"

#include <stdexcept>
#include <string_view>

namespace atelier::test {
namespace {

uint32_t big_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace

std::vector<std::byte> from_base64(const std::string& text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) throw std::runtime_error("base64 comes in fours");
  const size_t digits = text.find_last_not_of('=') + 1;
  if (text.size() - digits > 2) throw std::runtime_error("base64 has at most two paddings");
  std::vector<std::byte> bytes;
  uint32_t bits = 0;
  int held = 0;
  for (const char digit : text.substr(0, digits)) {
    const size_t value = kDigits.find(digit);
    if (value == kDigits.npos) throw std::runtime_error("not a base64 digit");
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((held += 6) >= 8) bytes.push_back(static_cast<std::byte>(bits >> (held -= 8)));
  }
  return bytes;
}

std::map<std::string, std::string> read_png_text(std::span<const std::byte> file) {
  std::string_view rest(reinterpret_cast<const char*>(file.data()), file.size());
  std::map<std::string, std::string> texts;
  for (rest.remove_prefix(8); rest.size() >= 12; rest.remove_prefix(12 + big_endian(rest))) {
    const std::string_view type = rest.substr(4, 4), data = rest.substr(8, big_endian(rest));
    const size_t end = data.find('\0');
    if (type == "tEXt") texts[std::string(data.substr(0, end))] = data.substr(end + 1);
    if (type == "iTXt") {
      const size_t language = data.find('\0', end + 3), keyword = data.find('\0', language + 1);
      texts[std::string(data.substr(0, end))] = data.substr(keyword + 1);
    }
  }
  return texts;
}

}  // namespace atelier::test
