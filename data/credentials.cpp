#include "data/credentials.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "data/ascii.h"
#include "data/secret_file.h"
#include "images/encode.h"

namespace atelier {
namespace {

constexpr size_t kMaxHeaderBytes = 16'384;

/// "scheme://host:port".
std::string origin_of(const Url& url) { return (url.secure ? "https://" : "http://") + url.host; }

std::string name_of(const Url& url) { return url.host.substr(0, url.host.rfind(':')); }

bool is_name_letter(unsigned char c) {
  return std::isalnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

/// Reads a headers file line by line; what it throws names the line and not what is in it.
class HeadersReader {
 public:
  HeadersReader(const std::string& file, std::map<std::string, Credentials::Lines>& sections)
      : file_(file), sections_(sections) {}

  void read(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      ++number_;
      if (line.empty() || line.starts_with('#')) continue;
      line.starts_with('[') ? begin_section(line) : take_header(line);
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw std::invalid_argument(fmt::format("{}, line {}: {}", file_, number_, why));
  }

  void begin_section(std::string_view line) {
    if (!line.ends_with(']')) refuse("a section is written [https://host] or [https://host:port]");
    std::string origin(trimmed(line.substr(1, line.size() - 2)));
    if (!has_scheme(origin)) origin = "https://" + origin;
    const auto parsed = parse_url(origin);
    const Url* url = std::get_if<Url>(&parsed);
    if (url == nullptr || url->local || std::count(url->target.begin(), url->target.end(), '/') != 3 ||
        !url->target.ends_with('/'))
      refuse("a section names one server, as [https://host] or [https://host:port]");
    section_ = &sections_[origin_of(*url)];
  }

  void take_header(std::string_view line) {
    constexpr std::array<std::string_view, 6> kOurs = {"host",  "connection",      "content-length",
                                                       "range", "accept-encoding", "transfer-encoding"};
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    if (colon == line.size() || name.empty() || !std::all_of(name.begin(), name.end(), is_name_letter))
      refuse("a header is written Name: value");
    if (std::find(kOurs.begin(), kOurs.end(), lower_case(name)) != kOurs.end())
      refuse("this header is not for files to set");
    if (section_ == nullptr) refuse("a header without a server; begin with a section such as [https://host]");
    const std::string value = expand(trimmed(line.substr(colon + 1)));
    const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    if (value.empty() || value.size() > kMaxHeaderBytes || std::any_of(value.begin(), value.end(), is_control))
      refuse("the header's value is empty, too long, or holds control characters");
    section_->push_back(fmt::format("{}: {}", name, value));
  }

  /// `text` with each ${NAME} replaced.
  std::string expand(std::string_view text) const {
    std::string result;
    for (size_t begin; (begin = text.find("${")) != std::string_view::npos;) {
      const size_t end = text.find('}', begin);
      if (end == std::string_view::npos) refuse("${ without }");
      const std::string name(text.substr(begin + 2, end - begin - 2));
      const char* value = std::getenv(name.c_str());
      if (value == nullptr) refuse(fmt::format("the environment has no {}", name));
      result += text.substr(0, begin);
      result += value;
      text.remove_prefix(end + 1);
    }
    return result += text;
  }

  const std::string& file_;
  std::map<std::string, Credentials::Lines>& sections_;
  Credentials::Lines* section_ = nullptr;
  size_t number_ = 0;
};

/// The next word of a netrc file; between quotes, a backslash takes the next character as it is.
std::optional<std::string> take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  if (text.empty()) return std::nullopt;
  if (text.front() != '"') {
    const std::string word(text.substr(0, text.find_first_of(kBlanks)));
    text.remove_prefix(word.size());
    return word;
  }
  std::string word;
  size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    word += text[i];
  }
  text.remove_prefix(std::min(i + 1, text.size()));
  return word;
}

std::string basic_authorization(const std::string& login, const std::string& password) {
  std::string line = "Authorization: Basic ";
  const std::string pair = login + ":" + password;
  append_base64(std::as_bytes(std::span(pair)), line);
  return line;
}

}  // namespace

Credentials::Credentials(const std::string& headers_file, const std::string& netrc_file) {
  if (!headers_file.empty()) read_headers(headers_file);
  if (!netrc_file.empty()) read_netrc(netrc_file);
}

void Credentials::read_headers(const std::string& file) { HeadersReader(file, by_origin_).read(read_secret(file)); }

/// The words of ftp's netrc(5). The first entry of a host counts.
void Credentials::read_netrc(const std::string& file) {
  const std::string bytes = read_secret(file);
  std::string_view text = bytes;
  std::map<std::string, std::string> entry;
  const auto keep = [&] {
    if (!entry["machine"].empty() && !entry["password"].empty())
      by_name_.emplace(lower_case(entry["machine"]), Lines{basic_authorization(entry["login"], entry["password"])});
    entry.clear();
  };
  while (const auto word = take_word(text)) {
    if (*word == "machine" || *word == "default") keep();
    if (word->starts_with('#')) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (*word == "macdef") {
      text.remove_prefix(std::min(text.find("\n\n"), text.size()));
    } else if (*word == "machine" || *word == "login" || *word == "password" || *word == "account") {
      const auto value = take_word(text);
      if (!value) throw std::invalid_argument(fmt::format("{} ends in the middle of an entry", file));
      entry[*word] = *value;
    } else if (*word != "default") {
      throw std::invalid_argument(fmt::format(
          "{} is no netrc file: a word is none of machine, login, password, account, default and macdef", file));
    }
  }
  keep();
}

const Credentials::Lines& Credentials::headers_for(const Url& url) const {
  static const Lines kNone;
  if (const auto section = by_origin_.find(origin_of(url)); section != by_origin_.end()) return section->second;
  const auto entry = url.secure ? by_name_.find(name_of(url)) : by_name_.end();
  return entry == by_name_.end() ? kNone : entry->second;
}

}  // namespace atelier
