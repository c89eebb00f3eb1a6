#include "data/shard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <fmt/format.h>
#include <functional>
#include <hdf5.h>
#include <isa-l/crc.h>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "base/files.h"

namespace atelier {
namespace {

static_assert(std::endian::native == std::endian::little, "a shard is little-endian");

/// CRC-32C (RFC 3720) of the item's name and its body, so that a body found under another name is as wrong as a
/// damaged one.
uint32_t checksum_of(const Item& item, std::span<const std::byte> body) {
  const auto update = [](uint32_t crc, std::span<const std::byte> bytes) {
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));  // isa-l only reads
    return crc32_iscsi(data, static_cast<int>(bytes.size()), crc);
  };
  const std::array<uint64_t, 2> name = {item.row, item.condition};
  return ~update(update(~0U, std::as_bytes(std::span(name))), body);
}

/// Debian's HDF5 is not built for threads.
std::mutex& hdf5_lock() {
  static std::mutex lock;
  return lock;
}

/// A handle of HDF5, closed when it goes.
struct Handle {
  Handle(hid_t opened, herr_t (*closing)(hid_t)) : id(opened), close(closing) {}
  ~Handle() { close(id); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t id;
  herr_t (*close)(hid_t);
};

/// An HDF5 file that is written, or read.
class File {
 public:
  static File create(const std::filesystem::path& path) {
    return {path, "cannot write ", [&] { return H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT); }};
  }
  static File open(const std::filesystem::path& path) {
    return {path, "cannot read ", [&] { return H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT); }};
  }
  ~File() {
    if (file_ >= 0) H5Fclose(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Writes a contiguous dataset and returns where it begins in the file; 0 where that has no meaning.
  uint64_t write(const char* name, hid_t type, size_t count, const void* values) {
    const hsize_t length = count;
    const Handle space(check(H5Screate_simple(1, &length, nullptr)), H5Sclose);
    const Handle set(check(H5Dcreate2(file_, name, type, space.id, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), H5Dclose);
    check(H5Dwrite(set.id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    const haddr_t place = H5Dget_offset(set.id);
    return place == HADDR_UNDEF ? 0 : place;
  }
  void write(const char* name, const std::vector<std::string>& texts) {
    const Handle type(check(H5Tcopy(H5T_C_S1)), H5Tclose);
    check(H5Tset_size(type.id, H5T_VARIABLE));
    check(H5Tset_cset(type.id, H5T_CSET_UTF8));
    std::vector<const char*> pointers;
    pointers.reserve(texts.size());
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    write(name, type.id, pointers.size(), pointers.data());
  }
  template <class Value>
  std::vector<Value> read(const char* name, hid_t type) const {
    const Handle set(check(H5Dopen2(file_, name, H5P_DEFAULT)), H5Dclose);
    const Handle space(check(H5Dget_space(set.id)), H5Sclose);
    std::vector<Value> values(static_cast<size_t>(check(H5Sget_simple_extent_npoints(space.id))));
    check(H5Dread(set.id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
    return values;
  }
  void close() { check(H5Fclose(std::exchange(file_, -1))); }

 private:
  template <class Open>
  File(const std::filesystem::path& path, const char* what, Open&& open_file) : complaint_(what + path.string()) {
    // A file that could not be written is given up. HDF5's own handler at the end of the program would try once more.
    static const bool at_exit = H5dont_atexit() >= 0;
    static_cast<void>(at_exit);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are told by what is thrown, not printed
    errno = 0;
    file_ = check(open_file());
  }

  template <class Result>
  Result check(Result result) const {
    if (result >= 0) return result;
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), complaint_);
  }

  const std::string complaint_;
  hid_t file_ = -1;
};

}  // namespace

void ShardDraft::add(const Item& item, std::string url, std::string label, std::span<const std::byte> body) {
  bytes.insert(bytes.end(), body.begin(), body.end());
  offsets.push_back(bytes.size());
  items.push_back(item);
  checksums.push_back(checksum_of(item, body));
  urls.push_back(std::move(url));
  labels.push_back(std::move(label));
}

ShardFacts write_shard(const std::filesystem::path& path, const ShardDraft& draft) {
  std::vector<uint64_t> rows;
  std::vector<uint8_t> conditions;
  for (const Item& item : draft.items) {
    rows.push_back(item.row);
    conditions.push_back(item.condition);
  }
  ShardFacts facts{.samples = draft.size(), .bytes = draft.bytes.size(), .sha256 = {}};
  {
    const std::lock_guard lock(hdf5_lock());
    File file = File::create(path);
    facts.bytes_at = file.write("bytes", H5T_STD_U8LE, draft.bytes.size(), draft.bytes.data());
    facts.offsets_at = file.write("offsets", H5T_STD_U64LE, draft.offsets.size(), draft.offsets.data());
    facts.checksums_at = file.write("checksums", H5T_STD_U32LE, draft.size(), draft.checksums.data());
    file.write("rows", H5T_STD_U64LE, draft.size(), rows.data());
    file.write("conditions", H5T_STD_U8LE, draft.size(), conditions.data());
    file.write("urls", draft.urls);
    file.write("labels", draft.labels);
    file.close();
  }
  facts.sha256 = sha256_file(path);
  return facts;
}

std::vector<Item> read_items(const std::filesystem::path& path) {
  const std::lock_guard lock(hdf5_lock());
  const File file = File::open(path);
  const auto rows = file.read<uint64_t>("rows", H5T_STD_U64LE);
  const auto conditions = file.read<uint8_t>("conditions", H5T_STD_U8LE);
  std::vector<Item> items;
  for (size_t slot = 0; slot < std::min(rows.size(), conditions.size()); ++slot)
    items.push_back({rows[slot], conditions[slot] != 0});
  return items;
}

std::variant<std::vector<std::byte>, Failure> read_body(const Descriptor& file, const ShardFacts& facts, uint64_t slot,
                                                        const Item& item, uint64_t max_bytes) {
  const Failure damaged{Fault::kChecksum, "the store's copy is damaged; atelier-data verify tells more", false, 0};
  std::array<uint64_t, 2> ends{};
  uint32_t checksum = 0;
  if (slot >= facts.samples ||
      !file.read_at(std::as_writable_bytes(std::span(ends)), facts.offsets_at + slot * sizeof ends[0]) ||
      !file.read_at(std::as_writable_bytes(std::span(&checksum, 1)), facts.checksums_at + slot * sizeof checksum) ||
      ends[0] > ends[1] || ends[1] > facts.bytes) {
    return damaged;
  }
  const uint64_t size = ends[1] - ends[0];
  if (size > max_bytes)
    return Failure{Fault::kTooLargeByHead, fmt::format("{} bytes in the store are over {}", size, max_bytes), false, 0};
  std::vector<std::byte> body(size);
  if (!file.read_at(body, facts.bytes_at + ends[0]) || checksum_of(item, body) != checksum) return damaged;
  return body;
}

}  // namespace atelier
