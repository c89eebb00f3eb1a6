#include "data/tar.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace atelier {
namespace {

constexpr uint64_t kBlock = 512;
constexpr uint64_t kMostNumber = uint64_t{1} << 62;
constexpr uint64_t kMostAfterEnd = uint64_t{1} << 20;  // zeros that fill the last record; tar -b makes it longer

[[noreturn]] void fail(uint64_t offset, const std::string& clause) {
  throw std::invalid_argument(fmt::format("at byte {}: {}", offset, clause));
}

bool is_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

std::string_view until_zero(std::string_view field) { return field.substr(0, field.find('\0')); }

/// A number of a header: octal digits, or, where the first bit says so, big-endian binary (GNU).
uint64_t read_number(std::string_view field, uint64_t header, const char* what) {
  const auto first = static_cast<unsigned char>(field.front());
  uint64_t number = 0;
  if (first & 0x80) {
    if (first != 0x80) fail(header, fmt::format("the {} is negative or beyond all measure", what));
    for (const char byte : field.substr(1)) {
      if (number >= kMostNumber >> 8) fail(header, fmt::format("the {} is beyond all measure", what));
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return number;
  }
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  field = field.substr(0, field.find_first_of(std::string_view(" \0", 2)));
  for (const char digit : field) {  // at most 12 of them: no overflow
    if (digit < '0' || digit > '7') fail(header, fmt::format("the {} is no octal number", what));
    number = number * 8 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

/// One header block, and what of it matters here.
struct Header {
  std::string path;
  uint64_t size = 0;
  char type = '0';
};

void check_sum(std::string_view block, uint64_t header) {
  int64_t unsigned_sum = 8 * ' ', signed_sum = 8 * ' ';  // the field of the sum counts as spaces
  for (size_t i = 0; i < block.size(); ++i) {
    if (i >= 148 && i < 156) continue;
    unsigned_sum += static_cast<unsigned char>(block[i]);
    signed_sum += static_cast<signed char>(block[i]);  // of some old tars
  }
  const auto told = static_cast<int64_t>(read_number(block.substr(148, 8), header, "checksum"));
  if (told != unsigned_sum && told != signed_sum)
    fail(header, header == 0 ? "no tar begins here" : "the header's checksum is wrong; the tar is damaged");
}

Header read_header(std::string_view block, uint64_t header) {
  if (block.starts_with("\x1f\x8b")) fail(header, "it is compressed by gzip; unpack it to a plain tar");
  check_sum(block, header);
  Header read{.path = std::string(until_zero(block.substr(0, 100))),
              .size = read_number(block.substr(124, 12), header, "size"),
              .type = block[156]};
  const std::string_view prefix = until_zero(block.substr(345, 155));
  if (block.substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty())
    read.path = fmt::format("{}/{}", prefix, read.path);
  return read;
}

}  // namespace

/// What the headers before a member's own say of it.
struct TarReader::Extension {
  std::optional<std::string> path;
  std::optional<uint64_t> size;
};

TarReader::TarReader(uint64_t size, uint64_t window, Read read)
    : size_(size), window_(window), read_(std::move(read)) {}

std::optional<TarMember> TarReader::next() {
  Extension extension;
  while (!ended_) {
    const uint64_t at = offset_, data = at + kBlock;
    if (at > size_ || size_ - at < kBlock)
      fail(std::min(at, size_), "the file ends before the tar does: it is cut off");
    const std::string_view block = bytes(at, kBlock);
    if (is_zero(block)) {
      check_end(at);
      break;
    }
    if (++members_ > kMostMembers) fail(at, fmt::format("more than {} members; make several tars of it", kMostMembers));
    const Header header = read_header(block, at);
    const bool is_extension = header.type == 'x' || header.type == 'g' || header.type == 'L' || header.type == 'K';
    const bool is_bare = header.type >= '1' && header.type <= '6';  // links, devices, folders: no bytes follow
    const uint64_t size = is_bare ? 0 : is_extension ? header.size : extension.size.value_or(header.size);
    if (size > size_ - data) fail(at, fmt::format("a member of {} bytes, where {} are left", size, size_ - data));
    if (is_extension && size > kMostText) fail(at, fmt::format("a name or a pax header of {} bytes", size));
    offset_ = data + (size + kBlock - 1) / kBlock * kBlock;

    if (header.type == 'S') fail(at, "a sparse member; make the tar without --sparse");
    if (header.type == 'L') extension.path = until_zero(bytes(data, size));
    if (header.type == 'x') read_pax(at, size, extension);
    if (is_extension) continue;
    TarMember member{.path = extension.path.value_or(header.path), .offset = data, .size = size};
    extension = {};
    const bool is_regular = header.type == '0' || header.type == '\0' || header.type == '7';
    if (is_regular && !member.path.ends_with('/')) return member;  // an old tar's folders end so
  }
  ended_ = true;
  return std::nullopt;
}

std::string TarReader::contents(const TarMember& member) {
  if (member.size > kMostText) throw std::logic_error("TarReader::contents: a member over kMostText");
  return std::string(bytes(member.offset, member.size));
}

/// Records "LENGTH KEY=VALUE\n", where LENGTH counts the record whole.
void TarReader::read_pax(uint64_t header, uint64_t size, Extension& extension) {
  const std::string records(bytes(header + kBlock, size));
  for (std::string_view rest = records; !rest.empty() && rest.front() != '\0';) {
    uint64_t length = 0;
    const char* digits_end = std::from_chars(rest.data(), rest.data() + rest.size(), length).ptr;
    const auto digits = static_cast<size_t>(digits_end - rest.data());
    if (digits == 0 || length > rest.size() || length < digits + 3 || rest[digits] != ' ' || rest[length - 1] != '\n')
      fail(header, "a pax header that is none; the tar is damaged");
    const std::string_view record = rest.substr(digits + 1, length - digits - 2);
    const std::string_view key = record.substr(0, record.find('=')),
                           value = record.substr(std::min(key.size() + 1, record.size()));
    if (key.starts_with("GNU.sparse.")) fail(header, "a sparse member; make the tar without --sparse");
    if (key == "path") extension.path = value;
    if (key == "size") {
      uint64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size() || number >= kMostNumber)
        fail(header, "a pax header whose size is no number; the tar is damaged");
      extension.size = number;
    }
    rest.remove_prefix(length);
  }
}

/// Behind the first block of zeros nothing may follow but more of them: two tars, one after the other, would lose the
/// second without a word.
void TarReader::check_end(uint64_t header) {
  const uint64_t left = size_ - header;
  if (left > kMostAfterEnd)
    fail(header, fmt::format("the tar ends, and {} bytes follow; is this several tars in one?", left));
  if (!is_zero(bytes(header, left))) fail(header, "the tar ends, and more follows; is this several tars in one?");
}

std::string_view TarReader::bytes(uint64_t offset, uint64_t count) {
  if (count == 0) return {};
  const bool here = offset >= buffer_offset_ && offset - buffer_offset_ <= buffer_.size() &&
                    buffer_.size() - (offset - buffer_offset_) >= count;
  if (!here) {
    buffer_ = read_({offset, offset + std::min(std::max(window_, count), size_ - offset) - 1});
    buffer_offset_ = offset;
  }
  return std::string_view(buffer_).substr(offset - buffer_offset_, count);
}

}  // namespace atelier
