#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "data/failure.h"

namespace atelier {

/// An entry that cannot be had, why, and since when: a line of the ledger.
struct Verdict {
  uint64_t entry = 0;     ///< 0-based data row
  uint64_t position = 0;  ///< where it was first needed
  std::string url;
  Fault fault = Fault::kBadUrl;
  std::string detail;
  int attempts = 1;
};

/// One line of the ledger, without the line's end.
std::string to_json(const Verdict& verdict);

/// The ledger: at most one verdict an entry. A value; its JSON lines (verdicts.jsonl) sort by entry, so equal ledgers
/// are equal files. Not safe to share between threads.
class Verdicts {
 public:
  /// Keeps the one with the lower position when the entry already has a verdict.
  void add(Verdict verdict);
  /// Forgets the entry's verdict, if it has one.
  void remove(uint64_t entry) { by_entry_.erase(entry); }
  bool has(uint64_t entry) const { return by_entry_.contains(entry); }
  const Verdict* find(uint64_t entry) const;
  const std::map<uint64_t, Verdict>& all() const { return by_entry_; }
  void merge(const Verdicts& other);

  std::string to_jsonl() const;
  /// Throws std::invalid_argument with the number of the bad line.
  static Verdicts from_jsonl(std::string_view text);

 private:
  std::map<uint64_t, Verdict> by_entry_;
};

}  // namespace atelier
