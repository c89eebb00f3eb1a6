#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "configs/program.h"
#include "data/manifest.h"
#include "data/stream.h"
#include "data/verdicts.h"

/// What the commands of atelier-data share. Part of the program, not of the library: it prints.
namespace atelier {

/// The file that a flag names, to be replaced. Throws, before an hour of work and not after it, when it cannot be
/// written, is no regular file, or is one that `data` reads.
std::optional<std::string> file_flag(const Invocation& invocation, const char* name, const DataConfig& data);

/// The list of a command, opened with its progress on stderr.
std::shared_ptr<const Manifest> open_list(const DataConfig& data, const std::stop_token& stop);

/// The plan of a command's list, with its progress on stderr; that of the held-out rows with --held-out.
StreamPlan plan_list(const Invocation& invocation, const Config& config,
                     const std::shared_ptr<const Manifest>& manifest);

/// A ledger on disk. Throws std::invalid_argument with one sentence.
Verdicts read_ledger(const std::filesystem::path& file);

/// For open_source: what cannot be kept is said on stderr.
void warn_of_cache(const std::string& sentence);

/// Takes batches until the stream's plan ends; false: stopped before.
///   take  given each batch
bool take_samples(Stream& stream, const std::stop_token& stop,
                  const std::function<void(const Batch& batch)>& take = {});

int run_pack(const Invocation& invocation);
int run_verify(const Invocation& invocation);
int run_credits(const Invocation& invocation);
int run_probe(const Invocation& invocation);
int run_retry(const Invocation& invocation);

}  // namespace atelier
