#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <torch/nn/module.h>

#include "base/files.h"

/// Tensors on disk: the safetensors format (https://github.com/huggingface/safetensors, format specification).
namespace atelier {

/// Named tensors and the string metadata of the header.
struct TensorFile {
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes `file` (not atomically: callers publish folders). Tensors may be on any device; float32, float16, bfloat16,
/// float64, int64, int32, uint8 and bool. Same tensors, same bytes. Throws std::runtime_error when the disk refuses.
void save_tensors(const std::filesystem::path& path, const TensorFile& file);

/// The same bytes, piece by piece, to wherever `write` puts them.
void write_tensors(const TensorFile& file, const WriteBytes& write);

/// Reads a file onto the CPU. Any bytes are safe: header length, offsets, overlaps, shapes and dtypes are checked
/// before anything is allocated. Throws std::invalid_argument with one sentence that names the file.
TensorFile load_tensors(const std::filesystem::path& path);

/// Parameters and buffers of a module by name, each with `prefix` + "." before it. The tensors are the module's own.
std::map<std::string, torch::Tensor> named_tensors(torch::nn::Module& module, const std::string& prefix);

/// Copies tensors into a module of the same shape. Throws std::invalid_argument that names the first tensor that is
/// missing, superfluous (under the prefix) or of another shape; then nothing has been changed.
void load_into(torch::nn::Module& module, const std::string& prefix,
               const std::map<std::string, torch::Tensor>& tensors);

}  // namespace atelier
