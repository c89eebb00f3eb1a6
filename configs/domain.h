#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// What a setting takes: for each kind of value, text -> value -> text and the words that --help and errors use.
/// Private to configs/. Every domain has
///   bool parse(std::string_view text, Value& value)   false: not of this domain, `value` untouched
///   std::string text(const Value& value)              parse() of it gives the value again
///   std::string type()    "integer", "number", "boolean", "text", or the choices: "full|window|none"
///   std::string range()   "1..1024", or empty
///   std::string takes()   for sentences: "an integer from 1 to 1024"
/// Nothing here depends on the locale.
namespace atelier {

/// Whole numbers from low to high.
struct Integer {
  int64_t low, high;

  std::optional<int64_t> read(std::string_view text) const;
  template <class T>
  bool parse(std::string_view text, T& value) const {
    const auto number = read(text);
    if (number) value = static_cast<T>(*number);
    return number.has_value();
  }
  template <class T>
  std::string text(T value) const {
    return std::to_string(value);
  }
  std::string type() const { return "integer"; }
  std::string range() const;
  std::string takes() const;
};

/// An integer that may be absent; the word for that is "none".
struct OptionalInteger {
  Integer integer;

  bool parse(std::string_view text, std::optional<uint64_t>& value) const;
  std::string text(const std::optional<uint64_t>& value) const;
  std::string type() const { return "integer or none"; }
  std::string range() const { return integer.range(); }
  std::string takes() const { return integer.takes() + ", or none"; }
};

/// Sizes in bytes: an integer, bare or with KiB, MiB, GiB or TiB.
struct Bytes {
  uint64_t low, high;

  bool parse(std::string_view text, uint64_t& value) const;
  std::string text(uint64_t value) const;
  std::string type() const { return "integer"; }
  std::string range() const;
  std::string takes() const;
};

/// Finite decimal numbers from low to high.
struct Number {
  double low, high;

  bool parse(std::string_view text, double& value) const;
  std::string text(double value) const;
  std::string type() const { return "number"; }
  std::string range() const;
  std::string takes() const;
};

/// true or false; yes, no, on, off, 1 and 0 are read too.
struct Boolean {
  bool parse(std::string_view text, bool& value) const;
  std::string text(bool value) const { return value ? "true" : "false"; }
  std::string type() const { return "boolean"; }
  std::string range() const { return ""; }
  std::string takes() const { return "true or false"; }
};

/// UTF-8 without control characters.
struct Text {
  bool parse(std::string_view text, std::string& value) const;
  std::string text(const std::string& value) const { return value; }
  std::string type() const { return "text"; }
  std::string range() const { return ""; }
  std::string takes() const { return "text in UTF-8 without control characters"; }
};

/// A colour as "#rrggbb", or empty.
struct Color {
  bool parse(std::string_view text, std::string& value) const;
  std::string text(const std::string& value) const { return value; }
  std::string type() const { return "text"; }
  std::string range() const { return "#rrggbb"; }
  std::string takes() const { return "#rrggbb with hexadecimal digits, or nothing"; }
};

/// "a, b or c".
std::string enumerate(const std::string_view* names, size_t count);

/// Names for enumerators that count from 0.
template <class Enum, size_t N>
struct Choice {
  std::array<std::string_view, N> names;

  bool parse(std::string_view text, Enum& value) const {
    for (size_t i = 0; i < N; ++i) {
      if (names[i] != text) continue;
      value = static_cast<Enum>(i);
      return true;
    }
    return false;
  }
  std::string text(Enum value) const { return std::string(names.at(static_cast<size_t>(value))); }
  std::string type() const {
    std::string all(names[0]);
    for (size_t i = 1; i < N; ++i) all.append("|").append(names[i]);
    return all;
  }
  std::string range() const { return ""; }
  std::string takes() const { return enumerate(names.data(), N); }
};

template <class Enum, class... Names>
constexpr Choice<Enum, sizeof...(Names)> choice(Names... names) {
  return {{std::string_view(names)...}};
}

}  // namespace atelier
