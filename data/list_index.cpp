#include "data/list_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>

#include "base/files.h"
#include "data/mapped_file.h"

namespace atelier {
namespace {

static_assert(std::endian::native == std::endian::little, "an index is little-endian");

constexpr std::string_view kMagic = "ATLINDX1";
constexpr uint64_t kBlockRows = 4096;
constexpr size_t kMostLabels = 1'000'000;

/// The last bytes of an index.
struct Trailer {
  uint64_t footer_bytes;
  std::array<char, 64> footer_sha256;
  std::array<char, 8> magic;
};
static_assert(sizeof(Trailer) == 80);

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view text_of(const std::array<char, 64>& digits) { return {digits.data(), digits.size()}; }

}  // namespace

/// 4,096 rows, the last block's unused ones zero.
struct ListIndexWriter::Block {
  uint64_t base;                             // offset of the first row
  std::array<uint32_t, kBlockRows> offsets;  // from base
  std::array<int32_t, kBlockRows> labels;    // numbered as they were first seen
  std::array<uint32_t, kBlockRows> groups;
};

namespace {
constexpr uint64_t kBlockBytes = 8 + 12 * kBlockRows;
}

ListPrint print_of(const std::filesystem::path& list, std::string_view text) {
  constexpr uint64_t kBlocks = 64, kBytes = 4096;
  struct stat status {};
  if (::stat(list.c_str(), &status) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot read " + list.string());
  Sha256 samples;
  const uint64_t last = text.size() > kBytes ? text.size() - kBytes : 0;
  for (uint64_t block = 0; block < kBlocks; ++block)
    samples.update(std::as_bytes(std::span(text.substr(last / (kBlocks - 1) * block, kBytes))));
  samples.update(std::as_bytes(std::span(text.substr(last))));
  return {.bytes = text.size(),
          .modified = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          .samples = samples.hex(),
          .sha256 = {}};
}

bool looks_like(const ListPrint& now, const ListPrint& then) {
  return now.bytes == then.bytes && now.modified == then.modified && now.samples == then.samples;
}

ListIndex::ListIndex(std::shared_ptr<const void> memory, std::string_view bytes) : memory_(std::move(memory)) {
  const auto damaged = [] { return std::runtime_error("not a whole index"); };
  Trailer trailer{};
  if (bytes.size() < sizeof trailer) throw damaged();
  std::memcpy(&trailer, bytes.data() + bytes.size() - sizeof trailer, sizeof trailer);
  bytes.remove_suffix(sizeof trailer);
  if (std::string_view(trailer.magic.data(), trailer.magic.size()) != kMagic) throw damaged();
  if (trailer.footer_bytes > bytes.size()) throw damaged();
  const std::string_view footer = bytes.substr(bytes.size() - trailer.footer_bytes);
  if (sha256_hex(footer) != text_of(trailer.footer_sha256)) throw damaged();
  blocks_ = bytes.substr(0, bytes.size() - trailer.footer_bytes);

  const auto json = nlohmann::json::parse(footer);
  rows_ = json.at("rows");
  const uint64_t room = blocks_.size() / kBlockBytes * kBlockRows;
  if (blocks_.size() % kBlockBytes != 0 || rows_ > room || rows_ + kBlockRows <= room) throw damaged();
  print_ = {.bytes = json.at("bytes"),
            .modified = json.at("modified"),
            .samples = json.at("samples"),
            .sha256 = json.at("sha256")};
  const std::vector<std::string> seen = json.at("labels");
  labels_ = seen;
  std::sort(labels_.begin(), labels_.end());
  for (const std::string& label : seen)
    sorted_.push_back(static_cast<int32_t>(std::lower_bound(labels_.begin(), labels_.end(), label) - labels_.begin()));
}

std::optional<ListIndex> ListIndex::open(const std::filesystem::path& file) {
  try {
    auto memory = std::make_shared<const MappedFile>(file);
    const std::string_view bytes = memory->text();
    return ListIndex(std::move(memory), bytes);
  } catch (const std::exception&) {
    return std::nullopt;  // whatever is wrong with it, it is made again
  }
}

ListIndex ListIndex::in_memory(std::string bytes) {
  auto memory = std::make_shared<const std::string>(std::move(bytes));
  const std::string_view view = *memory;
  return {std::move(memory), view};
}

RowMark ListIndex::mark(uint64_t row) const {
  if (row >= rows_) throw std::out_of_range("a list has no such row");
  const char* block = blocks_.data() + row / kBlockRows * kBlockBytes;
  const auto number = [&]<class T>(T, uint64_t column) {
    T value;
    std::memcpy(&value, block + 8 + (column * kBlockRows + row % kBlockRows) * sizeof value, sizeof value);
    return value;
  };
  uint64_t base = 0;
  std::memcpy(&base, block, sizeof base);
  const int32_t label = number(int32_t{}, 1);
  if (label >= static_cast<int32_t>(sorted_.size()))
    throw std::runtime_error("the list's index names a label that there is not; set data.verify_list once");
  return {.offset = base + number(uint32_t{}, 0),
          .label = label < 0 ? -1 : sorted_[static_cast<size_t>(label)],
          .group = number(uint32_t{}, 2)};
}

ListIndexWriter::ListIndexWriter(std::function<void(std::string_view)> write)
    : write_(std::move(write)), block_(std::make_unique<Block>()) {
  static_assert(sizeof(Block) == kBlockBytes);
}

ListIndexWriter::~ListIndexWriter() = default;

void ListIndexWriter::add(const Stretch& stretch) {
  std::vector<int32_t> numbers;
  for (const std::string& label : stretch.labels)
    numbers.push_back(labels_.try_emplace(label, static_cast<int32_t>(labels_.size())).first->second);
  if (labels_.size() > kMostLabels)
    throw std::invalid_argument("more than 1,000,000 different labels; a label is a kind, a description is a caption");
  for (const RowMark& mark : stretch.marks) {
    const uint64_t place = rows_ % kBlockRows;
    if (place == 0) block_->base = mark.offset;
    if (mark.offset - block_->base > std::numeric_limits<uint32_t>::max())
      throw std::invalid_argument("4 GiB without 4,096 rows; take the comments and blank lines out");
    block_->offsets.at(place) = static_cast<uint32_t>(mark.offset - block_->base);
    block_->labels.at(place) = mark.label < 0 ? -1 : numbers.at(static_cast<size_t>(mark.label));
    block_->groups.at(place) = mark.group;
    if (++rows_ % kBlockRows == 0) flush();
  }
}

void ListIndexWriter::flush() {
  write_(bytes_of(*block_));
  *block_ = {};
}

void ListIndexWriter::finish(const ListPrint& print) {
  if (rows_ % kBlockRows != 0) flush();
  std::vector<std::string> labels(labels_.size());
  for (const auto& [label, number] : labels_) labels.at(static_cast<size_t>(number)) = label;
  const std::string footer =
      nlohmann::json{
          {"rows", rows_},          {"bytes", print.bytes}, {"modified", print.modified}, {"samples", print.samples},
          {"sha256", print.sha256}, {"labels", labels}}
          .dump();
  Trailer trailer{.footer_bytes = footer.size(), .footer_sha256 = {}, .magic = {}};
  const std::string hash = sha256_hex(footer);
  std::copy(hash.begin(), hash.end(), trailer.footer_sha256.begin());
  std::copy(kMagic.begin(), kMagic.end(), trailer.magic.begin());
  write_(footer);
  write_(bytes_of(trailer));
}

}  // namespace atelier
