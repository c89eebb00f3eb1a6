#include "data/ledger_retry.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "data/ask_all.h"
#include "data/develop.h"
#include "data/url.h"

namespace atelier {
namespace {

/// What one verdict needs: an image, and perhaps its input image.
struct Question {
  const Verdict* verdict;
  std::string url;
  std::optional<std::string> sha256;
  bool condition = false;
};

/// Whether the ledger's failure is of the kind that passes. Its detail holds the status.
bool may_have_passed(const Verdict& verdict) {
  switch (verdict.fault) {
    case Fault::kDns:
    case Fault::kConnect:
    case Fault::kTls:
    case Fault::kTimeout:
    case Fault::kConnection:
      return true;
    case Fault::kHttpStatus:
      return verdict.detail.starts_with("HTTP 5") || verdict.detail.starts_with("HTTP 408") ||
             verdict.detail.starts_with("HTTP 421") || verdict.detail.starts_with("HTTP 425") ||
             verdict.detail.starts_with("HTTP 429");
    default:
      return false;
  }
}

/// The verdict's row in the list, which must be the one that the ledger names.
Entry entry_of(const Verdict& verdict, const Manifest& manifest) {
  if (verdict.entry >= manifest.size())
    throw std::invalid_argument(fmt::format("the ledger names row {} of a list that has {}; name the list it is of",
                                            verdict.entry, manifest.size()));
  Entry entry = manifest.entry(verdict.entry);
  if (without_credentials(entry.url) != verdict.url)
    throw std::invalid_argument(fmt::format("row {} is {} in the ledger and {} in the list; name the list it is of",
                                            verdict.entry, verdict.url, without_credentials(entry.url)));
  return entry;
}

class Retry {
 public:
  Retry(const Config& config, const Verdicts& ledger, const Manifest* manifest)
      : recipe_(recipe_of(config, /*augment=*/false)),
        frame_{config.data.image_size, config.data.image_size},
        pixels_(3 * static_cast<size_t>(frame_.width * frame_.height)) {
    const bool with_conditions = std::exchange(recipe_.condition, Condition::kNone) == Condition::kFile;
    report_.entries = ledger.all().size();
    report_.left = ledger;
    for (const bool passing : {true, false}) {
      for (const auto& [row, verdict] : ledger.all())
        if (may_have_passed(verdict) == passing) add_questions(verdict, manifest, with_conditions);
    }
  }

  uint64_t questions() const { return questions_.size(); }
  Request request_of(uint64_t number) const {
    const Question& question = questions_.at(number);
    return {.ticket = number, .url = question.url, .item = {question.verdict->entry, question.condition}};
  }

  void take(Outcome outcome) {
    const Question& question = questions_.at(outcome.answer.ticket);
    Asked& asked = asked_[question.verdict->entry];
    asked.tries = std::max(asked.tries, outcome.tries);
    if (!asked.failure) asked.failure = judge(question, std::move(outcome.answer));
    if (--asked.open == 0) conclude(*question.verdict, asked);
  }
  const RetryReport& report() const { return report_; }

 private:
  /// What has come for one entry.
  struct Asked {
    int open = 0, tries = 0;
    std::optional<Failure> failure;
  };

  void add_questions(const Verdict& verdict, const Manifest* manifest, bool with_conditions) {
    Question image{.verdict = &verdict, .url = verdict.url, .sha256 = {}};
    Asked& asked = asked_[verdict.entry];
    if (manifest) {
      const Entry entry = entry_of(verdict, *manifest);
      image.sha256 = entry.sha256;
      if (with_conditions && !entry.condition_url)
        asked.failure = Failure{.fault = Fault::kBadUrl, .detail = "the row has no condition_url"};
      if (with_conditions && entry.condition_url) {
        questions_.push_back({.verdict = &verdict, .url = *entry.condition_url, .sha256 = {}, .condition = true});
        ++asked.open;
      }
    }
    questions_.push_back(std::move(image));
    ++asked.open;
  }

  std::optional<Failure> judge(const Question& question, Answer answer) {
    if (auto* failure = std::get_if<Failure>(&answer.body)) return std::move(*failure);
    const auto& bytes = std::get<std::vector<std::byte>>(answer.body);
    const auto expected = answer.is_original ? question.sha256 : std::nullopt;
    auto failure = develop(recipe_, 0, {.image = bytes, .condition = {}, .sha256 = expected}, {frame_, pixels_, {}});
    if (failure && question.condition) failure->detail = "condition: " + failure->detail;
    return failure;
  }

  void conclude(const Verdict& verdict, const Asked& asked) {
    ++report_.asked;
    if (!asked.failure) {
      ++report_.healed;
      ++report_.healed_from.at(static_cast<size_t>(verdict.fault));
      report_.left.remove(verdict.entry);
      return;
    }
    ++report_.failing_with.at(static_cast<size_t>(asked.failure->fault));
    Verdict newest = verdict;
    newest.fault = asked.failure->fault;
    newest.detail = asked.failure->detail;
    newest.attempts += asked.tries;
    report_.left.remove(verdict.entry);
    report_.left.add(std::move(newest));
  }

  Recipe recipe_;
  const Size frame_;  // any will do to find out whether bytes are a picture
  std::vector<uint8_t> pixels_;
  std::vector<Question> questions_;
  std::map<uint64_t, Asked> asked_;  // by entry
  RetryReport report_;
};

}  // namespace

RetryReport retry_ledger(const Config& config, const Verdicts& ledger, const MakeSource& source,
                         const Manifest* manifest, const std::function<void(const RetryReport&)>& told,
                         const std::stop_token& stop) {
  Retry retry(config, ledger, manifest);
  ask_all(
      source, retry.questions(), patience_for_images(config), [&](uint64_t number) { return retry.request_of(number); },
      [&](Outcome outcome) {
        retry.take(std::move(outcome));
        if (told) told(retry.report());
      },
      stop);
  return retry.report();
}

std::string retry_text(const RetryReport& report) {
  std::string text =
      fmt::format("{} of {} entries asked for again: {} healed, {} still failing\n", grouped(report.asked),
                  grouped(report.entries), grouped(report.healed), grouped(report.asked - report.healed));
  if (report.healed > 0) text += fmt::format("healed from: {}\n", faults_text(report.healed_from));
  if (report.asked > report.healed) text += fmt::format("failing with: {}\n", faults_text(report.failing_with));
  return text;
}

std::string retry_json(const RetryReport& report) {
  return nlohmann::ordered_json{{"entries", report.entries},
                                {"asked", report.asked},
                                {"healed", report.healed},
                                {"healed_from", faults_json(report.healed_from)},
                                {"failing_with", faults_json(report.failing_with)}}
      .dump();
}

}  // namespace atelier
