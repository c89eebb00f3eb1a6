#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <utility>
#include <vector>

#include "data/address.h"
#include "data/http.h"
#include "tests/data/stream_fixture.h"
#include "tests/support/chaos_server.h"
#include "tests/support/killed_program.h"

namespace atelier::test {

/// A list whose rows are on a ChaosServer, and what must come out of it, by a model that knows nothing of the stream:
/// at each position the first of slot_at, substitute_at 1, 2, ... that is no fault, and a verdict on each that is, from
/// the first position on that it was drawn for.
class ChaosTest : public StreamTest {
 protected:
  static constexpr uint64_t kRows = 96;

  ChaosTest() {
    config_.data.max_image_size = 50'000;
    config_.data.head_timeout = config_.data.get_timeout = 60;
    config_.data.sample_deadline = 0.01;
    config_.data.max_failure_rate = 1;
  }

  void use_web(uint64_t seed, const std::vector<Needs>& needs) {
    web_ = std::make_unique<ChaosServer>(seed, kRows, misbehaviours(needs), text_of_picture);
    std::string list;
    for (uint64_t row = 0; row < kRows; ++row) list += list_line(*web_, row);
    use_list(list);
  }
  /// Every kind whose outcome is certain with a short deadline.
  void storm(uint64_t seed) { use_web(seed, {Needs::kNothing, Needs::kShortDeadline, Needs::kOneAddress}); }

  Stream open(StreamPlan with) const { return {config_, std::move(with), source()}; }

  static std::vector<Sample> take(Stream& stream, uint64_t count) {
    std::vector<Sample> samples;
    while (samples.size() < count) append(samples, stream.next());
    return samples;
  }

  /// A line for each, so that a test that fails shows the ones that differ.
  static std::string lines(const std::vector<Sample>& samples) {
    std::string text;
    for (const Sample& sample : samples)
      text += fmt::format("{} -> {} {} {}\n", sample.position, sample.entry, sample.pixels, sample.condition);
    return text;
  }

  /// The `count` samples from `state` on, read by `world` processes one after another; `state` is theirs afterwards.
  std::vector<Sample> leg(StreamState& state, uint64_t world, uint64_t batch, uint64_t count) const {
    std::map<int64_t, Sample> by_position;
    StreamState end;
    for (uint64_t rank = 0; rank < world; ++rank) {
      StreamPlan share = plan();
      share.start = state;
      share.batch = batch;
      share.rank = rank;
      share.world = world;
      Stream stream = open(std::move(share));
      std::vector<Sample> samples;
      for (uint64_t taken = 0; taken < count; taken += batch) append(samples, stream.next());
      for (const Sample& sample : samples) by_position.emplace(sample.position, sample);
      end.position = stream.state().position;
      end.verdicts.merge(stream.state().verdicts);
    }
    state = std::move(end);
    std::vector<Sample> together;
    for (const auto& [position, sample] : by_position) together.push_back(sample);
    return together;
  }

  /// What must become of a row; nothing: it is delivered. Of a pair, what stops a transfer for good comes before what
  /// may heal, both come before what only decoding sees, and the image comes before its condition.
  std::optional<Fault> verdict_on(uint64_t row) const {
    const auto stage = [](const Misbehaviour& kind) {
      if (!kind.verdict) return 3;
      if (*kind.verdict == Fault::kNotAnImage || *kind.verdict == Fault::kTruncated ||
          *kind.verdict == Fault::kTooManyPixels)
        return 2;
      return kind.needs == Needs::kShortDeadline ? 1 : 0;
    };
    const Misbehaviour& image = web_->kind(row);
    if (config_.data.condition != Condition::kFile) return image.verdict;
    const Misbehaviour& condition = web_->kind(condition_of(row));
    return stage(image) <= stage(condition) ? image.verdict : condition.verdict;
  }

  /// The row that the model puts at `position`; tells `fault` of each that it passes over.
  template <class Tell>
  uint64_t row_at(uint64_t position, Tell fault) const {
    const Order order = plan().order;
    uint64_t row = slot_at(order, position);
    for (uint64_t attempt = 1; verdict_on(row); ++attempt) {
      fault(row);
      row = substitute_at(order, position, attempt);
    }
    return row;
  }

  /// The model's first `count` samples. Their pixels are those of a calm web that serves just these rows in this order,
  /// so that nothing is substituted.
  std::vector<Sample> expected_samples(uint64_t count) const {
    ChaosServer calm(0, kRows, {}, text_of_picture);
    std::vector<int64_t> rows;
    std::string list;
    for (uint64_t position = 0; position < count; ++position) {
      rows.push_back(static_cast<int64_t>(row_at(position, [](uint64_t) {})));
      list += list_line(calm, static_cast<uint64_t>(rows.back()));
    }
    std::ofstream(folder_ / "calm.jsonl") << list;
    Config config = config_;
    config.data.list = (folder_ / "calm.jsonl").string();
    config.data.shuffle = Shuffle::kNone;
    config.train.batch_size = static_cast<int64_t>(count);
    Stream stream(config, plan_stream(config, std::make_shared<Manifest>(config.data.list)), source());
    std::vector<Sample> samples = take(stream, count);
    for (Sample& sample : samples) sample.entry = rows.at(static_cast<size_t>(sample.position));
    return samples;
  }

  /// A line for each verdict that the first `count` positions must find.
  std::string expected_verdicts(uint64_t count) const {
    std::map<uint64_t, uint64_t> found;
    for (uint64_t position = 0; position < count; ++position)
      row_at(position, [&](uint64_t row) { found.emplace(row, position); });
    std::string text;
    for (const auto& [row, position] : found) text += line(row, position, web_->url(row), *verdict_on(row));
    return text;
  }
  /// The same of a ledger. How often a host was asked before, and what it said last, may depend on the clock.
  std::string lines(const Verdicts& verdicts) const {
    std::string text;
    for (const auto& [row, found] : verdicts.all()) text += line(row, found.position, found.url, found.fault);
    return text;
  }

  /// The first `count` lines of `atelier-data stream LIST --dump ... --start START`, which is killed once they are
  /// there.
  std::string dump_and_kill(int start, int count, const std::string& flag) const {
    std::vector<std::string> words = {std::string(ATELIER_BIN_DIR) + "/atelier-data",
                                      "stream",
                                      config_.data.list,
                                      "--dump=100000",
                                      fmt::format("--start={}", start),
                                      fmt::format("--seed={}", config_.seed),
                                      fmt::format("--data.image_size={}", config_.data.image_size),
                                      fmt::format("--data.max_image_size={}", config_.data.max_image_size),
                                      fmt::format("--data.sample_deadline={}", config_.data.sample_deadline),
                                      "--data.max_failure_rate=1",
                                      "--data.allow_private=true",
                                      flag};
    return first_lines_of(std::move(words), count);
  }

  std::unique_ptr<ChaosServer> web_;

 private:
  /// The row whose image is the condition of `row`.
  static uint64_t condition_of(uint64_t row) { return (row + 1) % kRows; }
  static std::string list_line(const ChaosServer& web, uint64_t row) {
    return fmt::format("{{\"url\":\"{}\",\"condition_url\":\"{}\"}}\n", web.url(row), web.url(condition_of(row)));
  }
  std::string line(uint64_t row, uint64_t position, const std::string& url, Fault fault) const {
    return fmt::format("row {} at {}: {} ({}; {}) {}\n", row, position, fault_name(fault), web_->kind(row).name,
                       web_->kind(condition_of(row)).name, url);
  }
  static std::string text_of_picture(uint64_t row) {
    const auto bytes = picture(row);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// A policy under which these hosts are the only ones, so that no test asks anybody else for anything.
  static bool is_this_machine(const sockaddr& address, socklen_t length) {
    return address_text(address, length) == "127.0.0.1";
  }

  MakeSource source() const {
    const HttpLimits limits{.max_bytes = config_.data.max_image_size,
                            .head_timeout = config_.data.head_timeout,
                            .get_timeout = config_.data.get_timeout,
                            .connections = config_.data.connections,
                            .head = config_.data.head,
                            .may_connect = is_this_machine};
    return [limits](Source::Handler handler) { return std::make_unique<HttpSource>(limits, std::move(handler)); };
  }
};

}  // namespace atelier::test
