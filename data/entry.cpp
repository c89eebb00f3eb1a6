#include "data/entry.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace atelier {
namespace {

void check_url(std::string_view url) {
  const auto is_control = [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; };
  if (std::any_of(url.begin(), url.end(), is_control)) {
    throw std::invalid_argument("a control character in the url; write it percent-encoded");
  }
}

void normalize_sha256(std::string& digits) {
  for (char& digit : digits) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw std::invalid_argument("sha256 is not 64 hexadecimal digits; correct it or leave it out");
  }
}

}  // namespace

void normalize(Entry& entry) {
  for (std::optional<std::string>* field : {&entry.label, &entry.condition_url, &entry.sha256}) {
    if (*field && (*field)->empty()) field->reset();
  }
  if (entry.url.empty()) throw std::invalid_argument("no url; give every row one, or take the row out");
  check_url(entry.url);
  if (entry.condition_url) check_url(*entry.condition_url);
  if (entry.sha256) normalize_sha256(*entry.sha256);
}

}  // namespace atelier
