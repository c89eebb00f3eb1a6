#include "models/weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace atelier {
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr const char* kMetadata = "__metadata__";
constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit, bytes
constexpr size_t kLengthBytes = 8;            // the header's length, before it
constexpr int kHeaderDepth = 3;               // object of objects of arrays
constexpr size_t kMaxDimensions = 16;

struct Dtype {
  const char* name;
  torch::ScalarType type;
};
constexpr std::array<Dtype, 8> kDtypes{{{"F64", torch::kFloat64},
                                        {"I64", torch::kInt64},
                                        {"F32", torch::kFloat32},
                                        {"I32", torch::kInt32},
                                        {"F16", torch::kFloat16},
                                        {"BF16", torch::kBFloat16},
                                        {"U8", torch::kUInt8},
                                        {"BOOL", torch::kBool}}};

/// One tensor of a header, checked: `begin` counts from the end of the header.
struct Entry {
  std::string name;
  torch::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

// Reading. Everything below throws Bad; load_tensors adds the file's name.

struct Bad {
  std::string what;
};

/// The header as JSON, without what JSON allows and the format does not: a key given twice, and nests or lists that
/// would take far more memory than the file.
json parse_header(std::string_view text) {
  std::vector<std::set<std::string>> open;  // the keys of each object that is not closed yet
  size_t values = 0;                        // since the last key
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (depth > kHeaderDepth || values > kMaxDimensions) throw Bad{"its header is deeper or longer than any tensor's"};
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end) open.pop_back();
    if (event == Event::value) ++values;
    if (event == Event::key) {
      values = 0;
      if (!open.back().insert(parsed.get<std::string>()).second)
        throw Bad{fmt::format("its header gives \"{}\" twice", parsed.get<std::string>())};
    }
    return true;
  };
  json header;
  try {
    header = json::parse(text, check);
  } catch (const json::exception&) {
    throw Bad{"its header is not JSON"};
  }
  if (!header.is_object()) throw Bad{"its header is not a JSON object"};
  return header;
}

/// Bytes of a tensor; nothing when that number, or a stride on the way to it, does not fit 63 bits.
std::optional<uint64_t> byte_size(const std::vector<int64_t>& shape, torch::ScalarType type) {
  int64_t strides = static_cast<int64_t>(c10::elementSize(type));
  bool empty = false;
  for (const int64_t side : shape) {
    empty = empty || side == 0;
    if (__builtin_mul_overflow(strides, std::max<int64_t>(side, 1), &strides)) return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(strides);
}

/// A list of integers from 0 to 2^63 - 1.
std::vector<int64_t> sizes(const json& list, const std::string& name, const char* what) {
  if (!list.is_array()) throw Bad{fmt::format("{} of \"{}\" is not a list", what, name)};
  std::vector<int64_t> result;
  for (const json& item : list) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      throw Bad{fmt::format("{} of \"{}\" holds {}", what, name, item.dump())};
    result.push_back(item.get<int64_t>());
  }
  return result;
}

Entry read_entry(const std::string& name, const json& value) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets"))
    throw Bad{fmt::format("\"{}\" does not have exactly dtype, shape and data_offsets", name)};
  const auto dtype =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return value["dtype"] == d.name; });
  if (dtype == kDtypes.end())
    throw Bad{fmt::format("\"{}\" has the dtype {}, which is not read here", name, value["dtype"].dump())};
  Entry entry{name, dtype->type, sizes(value["shape"], name, "the shape")};
  const auto offsets = sizes(value["data_offsets"], name, "the data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    throw Bad{fmt::format("the data_offsets of \"{}\" are not a begin and an end", name)};
  entry.begin = static_cast<uint64_t>(offsets[0]);
  entry.end = static_cast<uint64_t>(offsets[1]);
  if (byte_size(entry.shape, entry.type) != entry.end - entry.begin)
    throw Bad{fmt::format("the shape of \"{}\" does not fit its {} bytes", name, entry.end - entry.begin)};
  return entry;
}

/// The tensors in the order of their bytes, which they cover without a gap or an overlap.
std::vector<Entry> read_entries(const json& header, uint64_t data_bytes) {
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items())
    if (name != kMetadata) entries.push_back(read_entry(name, value));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.begin < covered) throw Bad{fmt::format("\"{}\" overlaps another tensor", entry.name)};
    if (entry.begin > covered) throw Bad{fmt::format("there is a gap before \"{}\"", entry.name)};
    if (entry.end > data_bytes) throw Bad{fmt::format("\"{}\" ends after the file", entry.name)};
    covered = entry.end;
  }
  if (covered != data_bytes)
    throw Bad{fmt::format("{} bytes after the last tensor belong to none", data_bytes - covered)};
  return entries;
}

std::map<std::string, std::string> read_metadata(const json& header) {
  std::map<std::string, std::string> metadata;
  if (!header.contains(kMetadata)) return metadata;
  if (!header[kMetadata].is_object()) throw Bad{"its metadata are not an object"};
  for (const auto& [key, value] : header[kMetadata].items()) {
    if (!value.is_string()) throw Bad{fmt::format("its metadata \"{}\" are not a text", key)};
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

void read_bytes(std::istream& stream, void* to, uint64_t count) {
  if (!stream.read(static_cast<char*>(to), static_cast<std::streamsize>(count)))
    throw Bad{"it cannot be read to its end"};
}

torch::Tensor read_tensor(std::istream& stream, const Entry& entry) {
  // A byte that is neither 0 nor 1 is no bool to the compiler: such tensors come in as numbers.
  const bool flags = entry.type == torch::kBool;
  const auto tensor = torch::empty(entry.shape, flags ? torch::kUInt8 : entry.type);
  read_bytes(stream, tensor.data_ptr(), entry.end - entry.begin);
  return flags ? tensor.ne(0) : tensor;
}

TensorFile read_tensor_file(const std::filesystem::path& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) throw Bad{"it cannot be opened"};
  if (size < kLengthBytes) throw Bad{"it is shorter than its header"};
  uint64_t length = 0;
  read_bytes(stream, &length, kLengthBytes);
  if (length > kMaxHeader) throw Bad{fmt::format("its header of {} bytes is longer than {}", length, kMaxHeader)};
  if (length > size - kLengthBytes) throw Bad{fmt::format("its header of {} bytes is longer than the file", length)};
  std::string text(length, '\0');
  read_bytes(stream, text.data(), length);
  const json header = parse_header(text);
  TensorFile file{{}, read_metadata(header)};
  for (const Entry& entry : read_entries(header, size - kLengthBytes - length))
    file.tensors.emplace(entry.name, read_tensor(stream, entry));
  return file;
}

// Writing.

const char* dtype_name(const std::string& name, const torch::Tensor& tensor) {
  for (const Dtype& dtype : kDtypes)
    if (dtype.type == tensor.scalar_type()) return dtype.name;
  throw std::invalid_argument(fmt::format("The tensor \"{}\" is {}, which weights files do not hold.", name,
                                          c10::toString(tensor.scalar_type())));
}

/// Wide elements first, so that each tensor lies at a multiple of its element size; then by name.
std::vector<std::pair<std::string, torch::Tensor>> in_file_order(const std::map<std::string, torch::Tensor>& tensors) {
  std::vector<std::pair<std::string, torch::Tensor>> order(tensors.begin(), tensors.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  return order;
}

}  // namespace

void write_tensors(const TensorFile& file, const WriteBytes& write) {
  const auto order = in_file_order(file.tensors);
  json header = json::object();
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : order) {
    if (name == kMetadata) throw std::invalid_argument("A tensor cannot be named __metadata__.");
    const uint64_t end = offset + tensor.nbytes();
    header[name] = {
        {"dtype", dtype_name(name, tensor)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();

  write({reinterpret_cast<const char*>(&length), kLengthBytes});
  write(text);
  for (const auto& [name, tensor] : order) {
    const auto here = tensor.detach().to(torch::kCPU).contiguous();  // no copy of one that already is
    write({static_cast<const char*>(here.const_data_ptr()), here.nbytes()});
  }
}

void save_tensors(const std::filesystem::path& path, const TensorFile& file) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  write_tensors(
      file, [&](std::string_view bytes) { stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
  stream.close();
  if (!stream) throw std::runtime_error(fmt::format("{} cannot be written: is the disk full?", path.string()));
}

TensorFile load_tensors(const std::filesystem::path& path) {
  try {
    return read_tensor_file(path);
  } catch (const Bad& bad) {
    throw std::invalid_argument(fmt::format("The weights file {} cannot be used: {}.", path.string(), bad.what));
  }
}

std::map<std::string, torch::Tensor> named_tensors(torch::nn::Module& module, const std::string& prefix) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : module.named_parameters()) tensors[prefix + "." + item.key()] = item.value();
  for (const auto& item : module.named_buffers()) tensors[prefix + "." + item.key()] = item.value();
  return tensors;
}

void load_into(torch::nn::Module& module, const std::string& prefix,
               const std::map<std::string, torch::Tensor>& tensors) {
  const auto own = named_tensors(module, prefix);
  for (const auto& [name, tensor] : own) {
    const auto given = tensors.find(name);
    if (given == tensors.end()) throw std::invalid_argument(fmt::format("The weights lack the tensor {}.", name));
    if (given->second.sizes() != tensor.sizes())
      throw std::invalid_argument(fmt::format("The tensor {} has the shape [{}], the network needs [{}].", name,
                                              fmt::join(given->second.sizes(), ", "), fmt::join(tensor.sizes(), ", ")));
    if (given->second.is_floating_point() != tensor.is_floating_point())
      throw std::invalid_argument(fmt::format("The tensor {} is {}, the network needs {}.", name,
                                              c10::toString(given->second.scalar_type()),
                                              c10::toString(tensor.scalar_type())));
  }
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix + ".") && !own.contains(name))
      throw std::invalid_argument(fmt::format("The network has no tensor {}.", name));

  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) tensor.copy_(tensors.at(name));
}

}  // namespace atelier
