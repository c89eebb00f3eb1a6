#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/list_rows.h"

namespace atelier {

/// Which rows of a list are used (data.where): conditions joined by " and ", each FIELD=VALUE or FIELD!=VALUE, where a
/// VALUE may be several joined by "|":
///
///   licence=CC-BY-3.0|CC0 and label!=chair
///
/// Values are compared as the list has them, letter by letter; numbers and truth values of jsonl by their text. An
/// empty value is that of a row without the field. A value can hold neither "|" nor " and ".
class RowFilter {
 public:
  /// Throws std::invalid_argument with one sentence.
  explicit RowFilter(std::string_view where);

  /// The fields that the conditions name, each once.
  const std::vector<std::string>& fields() const { return fields_; }

  /// Whether the row that begins at `offset` is used.
  ///   seen  takes the names of the fields that the row has
  /// Throws std::invalid_argument, a clause, where there is no whole row.
  bool matches(const ListRows& rows, size_t offset, std::set<std::string, std::less<>>& seen) const;

 private:
  struct Condition {
    size_t field;  // in fields_
    bool negated;
    std::vector<std::string> values;
  };

  Condition read_condition(std::string_view text);

  std::vector<std::string> fields_;
  std::vector<Condition> conditions_;
};

}  // namespace atelier
