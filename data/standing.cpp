#include "data/standing.h"

#include <fmt/format.h>
#include <variant>

#include "configs/printable.h"
#include "data/url.h"

namespace atelier {
namespace {

/// Who has to answer for the bytes of `url`.
std::string who_serves(const std::string& url) {
  const auto parsed = parse_url(url);
  const auto* known = std::get_if<Url>(&parsed);
  return known && !known->local ? known->host : "the disk";
}

std::string what_it_waits_for(const OldestSample& oldest) {
  switch (oldest.state) {
    case Flight::State::kWanted:
      return "to be fetched from " + who_serves(oldest.url);
    case Flight::State::kFetching:
      return "for fetch, an answer of " + who_serves(oldest.url);
    case Flight::State::kWaiting:
      return "for another try at " + who_serves(oldest.url);
    case Flight::State::kFetched:
    case Flight::State::kDecoding:
      return "for decode";
    case Flight::State::kDone:
      return "for its batch";
  }
  return "";
}

}  // namespace

std::string stall_sentence(const Standing& standing, bool at_work, double limit) {
  std::string who = "no sample was begun";
  if (const auto& oldest = standing.oldest)
    who = fmt::format("position {} (row {}, {}) waits {}", oldest->position, oldest->row, printable(oldest->url),
                      what_it_waits_for(*oldest));
  return fmt::format(
      "nothing has moved for {:g} s (data.stall_limit): {}; {} transfers and {} images in decode are under way{}; a "
      "disk, a decoder or this program hangs: start it again, and if that does not help leave the image out",
      limit, who, standing.transfers, standing.decoding,
      at_work ? ", and the stream's own thread is stuck, most likely reading the list" : "");
}

}  // namespace atelier
