#include "configs/domain.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fmt/format.h>
#include <limits>

#include "configs/utf8.h"

namespace atelier {
namespace {

struct Unit {
  std::string_view suffix;
  uint64_t bytes;
};
constexpr std::array kUnits{Unit{"TiB", uint64_t{1} << 40}, Unit{"GiB", uint64_t{1} << 30},
                            Unit{"MiB", uint64_t{1} << 20}, Unit{"KiB", uint64_t{1} << 10}};

/// The whole of `text` as a number, or nothing.
template <class T>
std::optional<T> read_whole(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool is_plain_text(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return find_invalid_utf8(text) == std::string_view::npos && std::ranges::none_of(text, is_control);
}

}  // namespace

std::optional<int64_t> Integer::read(std::string_view text) const {
  const auto number = read_whole<int64_t>(text);
  return number && *number >= low && *number <= high ? number : std::nullopt;
}

std::string Integer::range() const { return fmt::format("{}..{}", low, high); }
std::string Integer::takes() const { return fmt::format("an integer from {} to {}", low, high); }

bool OptionalInteger::parse(std::string_view text, std::optional<uint64_t>& value) const {
  const auto number = integer.read(text);
  if (!number && text != "none") return false;
  value = number ? std::optional(static_cast<uint64_t>(*number)) : std::nullopt;
  return true;
}

std::string OptionalInteger::text(const std::optional<uint64_t>& value) const {
  return value ? std::to_string(*value) : "none";
}

bool Bytes::parse(std::string_view text, uint64_t& value) const {
  uint64_t scale = 1;
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    text.remove_suffix(unit.suffix.size());
    scale = unit.bytes;
    break;
  }
  const auto number = read_whole<uint64_t>(text);
  if (!number || *number > high / scale || *number * scale < low) return false;
  value = *number * scale;
  return true;
}

std::string Bytes::text(uint64_t value) const {
  for (const Unit& unit : kUnits) {
    if (value != 0 && value % unit.bytes == 0) return fmt::format("{}{}", value / unit.bytes, unit.suffix);
  }
  return std::to_string(value);
}

std::string Bytes::range() const { return text(low) + ".." + text(high); }
std::string Bytes::takes() const { return fmt::format("bytes from {} to {}, such as 100MiB", text(low), text(high)); }

bool Number::parse(std::string_view text, double& value) const {
  const auto number = read_whole<double>(text);
  if (!number || !(*number >= low && *number <= high)) return false;  // written so that nan is refused
  value = *number;
  return true;
}

std::string Number::text(double value) const {
  // The fewest digits that read back as the same number, without an exponent, which YAML readers disagree about.
  std::array<char, 2 * std::numeric_limits<double>::max_exponent10 + 64> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed).ptr;
  return {digits.data(), end};
}

std::string Number::range() const { return text(low) + ".." + text(high); }
std::string Number::takes() const { return fmt::format("a number from {} to {}", text(low), text(high)); }

bool Boolean::parse(std::string_view text, bool& value) const {
  std::string lower(text);  // YAML knows True and TRUE
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool yes = lower == "true" || lower == "yes" || lower == "on" || lower == "1";
  const bool no = lower == "false" || lower == "no" || lower == "off" || lower == "0";
  if (yes || no) value = yes;
  return yes || no;
}

bool Text::parse(std::string_view text, std::string& value) const {
  if (!is_plain_text(text)) return false;
  value = text;
  return true;
}

bool Color::parse(std::string_view text, std::string& value) const {
  const bool right = text.size() == 7 && text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string_view::npos;
  if (!text.empty() && !(right && text.front() == '#')) return false;
  value = text;
  return true;
}

std::string enumerate(const std::string_view* names, size_t count) {
  std::string sentence;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) sentence += i + 1 == count ? " or " : ", ";
    sentence += names[i];
  }
  return sentence;
}

}  // namespace atelier
