#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

/// Tars, byte by byte from the table of POSIX.1-2008 (pax, "ustar Interchange Format").
namespace atelier::test {

inline std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 511) / 512 * 512);
  return bytes;
}

/// A header with a right checksum. `size` goes into its 12 bytes as it is.
inline std::string tar_header(std::string_view name, std::string_view size, char type = '0',
                              std::string_view prefix = {}) {
  std::string block(512, '\0');
  const auto put = [&](size_t at, std::string_view text) { block.replace(at, text.size(), text); };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, size);
  put(136, "00000000000");
  put(148, "        ");
  block[156] = type;
  put(257, std::string_view("ustar\0"
                            "00",
                            8));
  put(345, prefix);
  unsigned sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  put(148, std::string_view(digits, 7));
  return block;
}

inline std::string octal(size_t number) {
  char digits[12];
  std::snprintf(digits, sizeof digits, "%011zo", number);
  return std::string(digits, 12);
}

inline std::string tar_member(std::string_view name, const std::string& bytes, char type = '0',
                              std::string_view prefix = {}) {
  return tar_header(name, octal(bytes.size()), type, prefix) + padded(bytes);
}

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

inline const std::string kTarEnd(1024, '\0');

/// A Python with its standard library: TEST_PYTHON, else the system's.
inline std::string test_python() {
  const char* python = std::getenv("TEST_PYTHON");
  return python ? python : "python3";
}

}  // namespace atelier::test
