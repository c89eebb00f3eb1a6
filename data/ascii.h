#pragma once

#include <algorithm>
#include <string>
#include <string_view>

/// Text of names and headers: letter by letter, whatever the locale.
namespace atelier {

inline constexpr std::string_view kBlanks = " \t\r\n";

/// `text` without the `blanks` at its ends; a part of it.
inline std::string_view trimmed(std::string_view text, std::string_view blanks = kBlanks) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// A to Z become a to z; other bytes stay.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return lower;
}

/// A to Z, a to z, 0 to 9.
inline bool is_alphanumeric(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z');
}

}  // namespace atelier
