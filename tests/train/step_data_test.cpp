#include "train/step_data.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <sstream>

#include "base/files.h"
#include "base/random.h"
#include "images/decode.h"
#include "images/degrade.h"
#include "images/encode.h"
#include "images/transform.h"
#include "tests/support/loopback_server.h"
#include "tests/train/program.h"
#include "train/step_text.h"
#include "train/trace.h"

/// `atelier-train data`: what it says about real runs is held against what their traces say, and against the pixels.
namespace atelier {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr int kServed = 12;

std::vector<json> parse_lines(const std::string& text) {
  std::istringstream all(text);
  std::vector<json> lines;
  for (std::string line; std::getline(all, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string bytes_of(const Image& image) {
  const auto png = encode_png(image);
  return {std::bit_cast<const char*>(png.data()), png.size()};
}

/// A run whose pictures come over the network, some of which are gone from some time on.
class Steps : public Training {
 protected:
  Steps() {
    std::ofstream list(web_list());
    list << "url,label\n";
    for (int row = 0; row < kServed; ++row) list << url(row) << ',' << label(row) << '\n';
  }

  fs::path web_list() const { return folder_ / "web.csv"; }
  std::string url(int row) const { return server_.url(fmt::format("/{}.png", row)); }
  static std::string label(int row) { return row % 3 == 0 ? "" : row % 3 == 1 ? "chair" : "table"; }
  /// Index into the sorted labels.
  static int64_t label_index(const json& label) { return label.is_null() ? -1 : label == "chair" ? 0 : 1; }
  void lose(std::set<int> rows) {
    const std::lock_guard lock(mutex_);
    gone_ = std::move(rows);
  }

  /// A leg of the run, up to step `until`; returns its trace.
  std::vector<TraceLine> leg(const std::string& kind, Settings other, int until) {
    other.merge(Settings{{"data.list", web_list()},
                         {"data.held_out", "0"},
                         {"data.allow_private", "true"},
                         {"data.connections", "4"},
                         {"data.fit", "random"},
                         {"data.noise", "0.5"},
                         {"data.blur", "0.5"},
                         {"model.label_dropout", "0.3"},
                         {"train.log_losses", "true"}});
    auto all = arguments(run_dir(), kind, other);
    all.insert(all.end(), {"--accept-changes", "--until", std::to_string(until), "--trace", folder_ / "trace"});
    std::string log;
    EXPECT_EQ(run(all, &log), 0) << log;
    return read_trace(folder_ / "trace");
  }

  fs::path run_dir() const { return folder_ / "run"; }

  /// What `data` says, and how it ends.
  int ask(std::vector<std::string> flags, std::string* said, std::string* log = nullptr) const {
    flags.insert(flags.begin(), {"data", run_dir()});
    std::string own;
    const int code = run(flags, log ? log : &own, said);
    return code;
  }
  std::vector<json> lines_of(std::vector<std::string> flags) const {
    flags.emplace_back("--json");
    std::string said, log;
    EXPECT_EQ(ask(std::move(flags), &said, &log), 0) << log;
    return parse_lines(said);
  }
  std::string refusal(std::vector<std::string> flags) const {
    std::string said, log;
    EXPECT_EQ(ask(std::move(flags), &said, &log), 2) << log;
    EXPECT_EQ(said, "");
    return log;
  }

  /// The pictures that the samples of a step stand for, augmented as the answer says: the trace's hash of them.
  static std::string hash_of(std::span<const json> samples, bool outlines, uint64_t seed = 0) {
    std::vector<uint8_t> images, conditions;
    std::vector<int64_t> labels;
    for (const json& sample : samples) {
      const Size frame{sample["width"], sample["height"]};
      const std::string name = fs::path(sample["url"].get<std::string>()).stem();
      const auto png = encode_png(picture(std::stoi(name)));
      std::vector<uint8_t> planes(static_cast<size_t>(3 * frame.width * frame.height));
      const auto crop = sample["crop"].is_null() ? std::nullopt : std::optional(sample["crop"].get<double>());
      EXPECT_FALSE(decode_framed(png, {.size = frame}, {sample["flip"], sample["brightness"], crop}, planes));
      std::vector<uint8_t> degraded = planes;
      degrade(degraded, frame, {.noise = sample["noise"], .blur = sample["blur"]}, seed, sample["position"]);
      const auto lines = outline(from_planes(degraded, frame.width, frame.height)).pixels;
      if (outlines) conditions.insert(conditions.end(), lines.begin(), lines.end());
      images.insert(images.end(), outlines ? planes.begin() : degraded.begin(),
                    outlines ? planes.end() : degraded.end());
      labels.push_back(label_index(sample["label"]));
    }
    Sha256 hash;
    hash.update(std::as_bytes(std::span(images)));
    hash.update(std::as_bytes(std::span(conditions)));
    hash.update(std::as_bytes(std::span(labels)));
    return hash.hex();
  }

  /// Holds all that `data` says about the steps of `trace` against it. Returns what it said.
  std::vector<json> expect_told(const std::vector<TraceLine>& trace, bool outlines) const {
    const auto told = lines_of({"--step", fmt::format("{}:{}", trace.front().step, trace.back().step)});
    size_t next = 0;
    for (const TraceLine& step : trace) {
      const size_t count = step.entries.size();
      if (told.size() < next + count) {
        ADD_FAILURE() << told.size() << " samples are too few";
        break;
      }
      const std::span<const json> samples(told.data() + next, count);
      next += count;
      std::map<std::string, double> losses;
      for (size_t i = 0; i < count; ++i) {
        EXPECT_EQ(samples[i]["step"], step.step);
        EXPECT_EQ(samples[i]["position"], step.position + i);
        EXPECT_EQ(samples[i]["entry"], step.entries[i]) << "step " << step.step << ", sample " << i;
        for (const auto& [player, loss] : samples[i]["loss"].items())
          losses[player] += loss.get<double>() / static_cast<double>(count);
      }
      EXPECT_EQ(hash_of(samples, outlines), step.pixels) << "step " << step.step;
      EXPECT_EQ(losses.size(), step.losses.size());
      for (const auto& [player, loss] : step.losses)
        EXPECT_NEAR(losses[player], std::stod(loss), 1e-6 * std::abs(std::stod(loss))) << player;
    }
    EXPECT_EQ(next, told.size());
    return told;
  }

  std::mutex mutex_;  // guards gone_
  std::set<int> gone_;
  test::LoopbackServer server_{[this](const test::HttpRequest& request, test::HttpReply& reply) {
    const int row = std::stoi(request.path.substr(1));
    const std::lock_guard lock(mutex_);
    if (gone_.contains(row)) return static_cast<void>(reply.send_answer(404, "gone"));
    reply.send_answer(200, bytes_of(picture(row)), {"Content-Type: image/png"});
  }};
};

class StepsOfEachKind : public Steps, public testing::WithParamInterface<std::string> {};

TEST_P(StepsOfEachKind, IsWhatTheRunWasGiven) {
  const bool diffusion = GetParam() == "diffusion";
  const std::string condition = diffusion ? "none" : "outline";
  lose({2});
  auto trace = leg(GetParam(), {{"data.condition", condition}}, 5);
  lose({2, 5, 7});  // which the first pass has seen
  const auto rest = leg(GetParam(),
                        {{"data.condition", condition},
                         {"data.brightness", "0.6"},
                         {"data.flip", "false"},
                         {"data.blur", "0"},
                         {"train.batch_size", "6"}},
                        9);
  trace.insert(trace.end(), rest.begin(), rest.end());
  ASSERT_EQ(trace.size(), 9U);
  EXPECT_EQ(trace.back().entries.size(), 6U);
  const auto told = expect_told(trace, !diffusion);

  std::set<uint64_t> early, late, replaced;
  for (const json& sample : told) {
    const uint64_t position = sample["position"], entry = sample["entry"];
    (position < 20 ? early : late).insert(entry);
    EXPECT_EQ(sample["url"], url(static_cast<int>(entry)));
    const std::string text = label(static_cast<int>(entry));
    EXPECT_EQ(sample["label"], text.empty() ? json() : json(text));
    EXPECT_EQ(sample["attempt"] > 0, sample["ordered"] != entry);
    if (sample["attempt"] > 0) {
      replaced.insert(sample["ordered"].get<uint64_t>());
      EXPECT_EQ(sample["fault"], "http-status");
    } else {
      EXPECT_TRUE(sample["fault"].is_null());
    }
    EXPECT_FALSE(position >= 20 && sample["flip"]) << "changed by the second start";
    EXPECT_NEAR(sample["brightness"].get<double>(), 1, position < 20 ? 0.2 : 0.6);
    if (!diffusion) {
      EXPECT_TRUE(sample["noise_level"].is_null());
      EXPECT_FALSE(sample["label_withheld"]);
      continue;
    }
    const double sigma = std::exp(-1.2 + 1.2 * random_normal(0, position, Purpose::kNoiseLevel));
    EXPECT_NEAR(sample["noise_level"].get<double>(), sigma, 1e-5 * sigma);
    float drawn = 0;
    fill_uniform({&drawn, 1}, 0, position, Purpose::kLabelDropout);
    EXPECT_EQ(sample["label_withheld"], !text.empty() && drawn < 0.3F) << position;
  }
  EXPECT_THAT(early, AllOf(testing::Contains(5), testing::Contains(7))) << "verdicts of later steps change nothing";
  EXPECT_THAT(late, testing::Not(AllOf(testing::Contains(5), testing::Contains(7))));
  EXPECT_THAT(replaced, testing::Contains(2));
  const auto any = [&](const auto& is) { return std::ranges::any_of(told, is); };
  EXPECT_TRUE(any([](const json& sample) { return sample["flip"] == true; }));
  EXPECT_TRUE(any([](const json& sample) { return sample["noise"] > 0 && sample["blur"] > 0; }));
  EXPECT_EQ(any([](const json& sample) { return sample["label_withheld"] == true; }), diffusion);

  std::string said;
  ASSERT_EQ(ask({"--step", "9"}, &said), 0);
  EXPECT_EQ(std::ranges::count(said, '\n'), 7);
  EXPECT_THAT(said, AllOf(HasSubstr("step 9: positions 38 to 43\n"), HasSubstr("  43  entry "), HasSubstr("crop at ")));
}

TEST_F(Steps, KnowsShapesListsAndWeights) {
  std::ofstream list(folder_ / "shapes.csv");
  list << "url,label,width,height\n";
  for (int row = 0; row < 240; ++row)
    list << row % kRows << ".png," << label(row % kRows) << (row < 120 ? ",48,24\n" : ",24,24\n");
  list.close();
  const auto some = [&](int until, const std::string& batch, const std::string& file) {
    return leg("diffusion",
               {{"data.list", folder_ / file},
                {"data.shapes", "buckets"},
                {"data.fit", "crop"},
                {"data.condition", "none"},
                {"data.balance", "label"},
                {"data.accept_list", "true"},
                {"train.batch_size", batch}},
               until);
  };
  auto trace = some(6, "4", "shapes.csv");
  const auto smaller = some(12, "2", "shapes.csv");
  trace.insert(trace.end(), smaller.begin(), smaller.end());
  const auto told = expect_told(trace, false);
  std::set<int> widths;
  for (const json& sample : told) widths.insert(sample["width"].get<int>());
  EXPECT_THAT(widths, testing::ElementsAre(16, 24));

  fs::copy_file(folder_ / "shapes.csv", folder_ / "longer.csv");
  EXPECT_THAT(refusal({"--step", "13"}), HasSubstr("The newest good checkpoint is of step 12"));
  std::ofstream(folder_ / "longer.csv", std::ios::app) << "3.png,chair,24,24\n";
  EXPECT_THAT(refusal({"--step", "3", "--data.list", folder_ / "longer.csv"}),
              AllOf(HasSubstr("longer.csv is not what the run has drawn from: the list's SHA-256 was"),
                    HasSubstr("name the run's list by --data.list")));
  const auto other = some(16, "2", "longer.csv");
  expect_told(other, false);
  EXPECT_THAT(refusal({"--step", "12:13"}), HasSubstr("Step 12 drew from another list: the run turned to this one at "
                                                      "position 36"));
  fs::rename(folder_ / "longer.csv", folder_ / "moved.csv");
  EXPECT_THAT(refusal({"--step", "13"}), HasSubstr("longer.csv"));
  const auto moved = lines_of({"--step", "13", "--data.list", folder_ / "moved.csv"});
  ASSERT_EQ(moved.size(), 2U);
  EXPECT_EQ(moved[0]["entry"], other.front().entries[0]);
}

TEST_F(Steps, RefusesWhatItCannotTell) {
  EXPECT_THAT(refusal({"--step", "1"}), HasSubstr("there is no run at"));
  fs::create_directories(run_dir());
  std::ofstream(run_dir() / "status.json") << "{}";
  EXPECT_THAT(refusal({"--step", "1"}), HasSubstr("has saved no checkpoint yet"));
  leg("diffusion", {{"data.condition", "none"}, {"train.log_losses", "false"}}, 4);
  EXPECT_THAT(refusal({}), HasSubstr("data takes one of --step"));
  EXPECT_THAT(refusal({"--step", "1", "--worst", "3"}), HasSubstr("data takes one of --step"));
  for (const char* step : {"0", "x", "3:2", "3:", ":3", "1:2:3", "-1", "1.5", "99999999999999999999999"})
    EXPECT_THAT(refusal({"--step", step}), HasSubstr("--step takes a step or a range")) << step;
  EXPECT_THAT(refusal({"--step", "5"}), HasSubstr("The newest good checkpoint is of step 4"));
  EXPECT_THAT(refusal({"--step", "3:18446744073709551615"}), HasSubstr("The newest good checkpoint is of step 4"));
  EXPECT_THAT(refusal({"--step", "1", "--seed", "3"}), HasSubstr("--seed is what it was in the run"));
  EXPECT_THAT(refusal({"--step", "1", "--data.flip", "false"}), HasSubstr("--data.flip is what it was"));
  EXPECT_THAT(refusal({"--step", "1", "--out", "x.png"}), HasSubstr("--out is for the contact sheet"));
  EXPECT_THAT(refusal({"--worst", "3"}), HasSubstr("has no losses.jsonl: --train.log_losses true"));
  EXPECT_THAT(refusal({"--worst", "0"}), HasSubstr("--worst takes a whole number from 1 to 1000"));
  EXPECT_THAT(refusal({"--worst", "1001"}), HasSubstr("--worst takes a whole number from 1 to 1000"));
  EXPECT_THAT(refusal({"--worst", "3", "--out", folder_ / "list.csv"}), HasSubstr("name a PNG file"));
  const auto told = lines_of({"--step", "1:4", "--data.connections", "2"});
  ASSERT_EQ(told.size(), 16U);
  for (const json& sample : told) EXPECT_TRUE(sample["loss"].is_null());
  const fs::path newer = checkpoint_folder(run_dir(), 20);
  fs::create_directories(newer);
  std::ofstream(newer / "state.json") << R"({"format":2})";
  EXPECT_THAT(refusal({"--step", "4"}), HasSubstr("by a newer version of atelier"));
  fs::remove_all(newer);
  const fs::path verdicts = list_checkpoints(run_dir()).back() / "verdicts.jsonl";
  std::ofstream(verdicts, std::ios::app) << " ";
  std::string said, log;
  EXPECT_EQ(ask({"--step", "1"}, &said, &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("warning")) << "an older checkpoint tells the older steps";
  EXPECT_THAT(refusal({"--step", "4"}), HasSubstr("The newest good checkpoint is of step 3"));
}

TEST(StepData, NamesSubstitutesAndNoPassword) {
  const TemporaryFolder folder;
  std::ofstream list(folder / "list.csv");
  list << "url,label\n";
  for (int row = 0; row < 8; ++row) list << "https://user:secret@example.org/" << row << ".png,chair\n";
  list.close();
  const Resolved settings = resolve({Layer{"test",
                                           {{"data.list", folder / "list.csv"},
                                            {"train.batch_size", "4"},
                                            {"train.device", "cpu"},
                                            {"train.precision", "float32"}}}});
  const auto manifest = std::make_shared<const Manifest>(folder / "list.csv");
  SavedRun run{.state = begin_run(settings.config, *manifest, 1000), .verdicts = {}};
  for (int step = 0; step < 3; ++step) run.state.clock.advance();
  const auto first = StepData(settings, manifest, run).samples_of(1);
  ASSERT_EQ(first.size(), 4U);
  for (const StepSample& sample : first) {
    EXPECT_EQ(sample.url, fmt::format("https://***@example.org/{}.png", sample.entry));
    EXPECT_EQ(sample.attempt, 0U);
  }

  run.verdicts.add({.entry = first[2].entry, .position = 2, .url = {}, .fault = Fault::kTimeout, .detail = {}});
  run.verdicts.add({.entry = first[1].entry, .position = 2, .url = {}, .fault = Fault::kTls, .detail = {}});
  const StepData data(settings, manifest, run);
  const auto again = data.samples_of(1);
  for (const size_t same : {0, 1, 3}) EXPECT_EQ(again[same].entry, first[same].entry) << "barred later, if at all";
  EXPECT_GT(again[2].attempt, 0U);
  EXPECT_EQ(again[2].ordered, first[2].entry);
  EXPECT_EQ(again[2].fault, Fault::kTimeout);
  EXPECT_NE(again[2].entry, first[1].entry);
  EXPECT_THAT(
      sample_text(again[2], {{"denoiser", 0.25F}}),
      AllOf(HasSubstr(fmt::format("  2  entry {} in place of {} (timeout)  chair", again[2].entry, first[2].entry)),
            HasSubstr("64x64"), HasSubstr("  denoiser 0.25  https://***@example.org/")));
  const EntryLoss loss{.entry = 3, .seen = 2, .loss = 0.5, .relative = 1.5};
  for (const std::string& text : {ranking_text(1, loss, manifest->entry(3), {}),
                                  ranking_json(1, loss, manifest->entry(3), {}), sample_json(1, again[0], {})})
    EXPECT_THAT(text, AllOf(HasSubstr("https://***@example.org/"), testing::Not(HasSubstr("secret"))));
}

/// The mean colour of a rectangle.
std::array<int, 3> colour_of(const Image& image, int left, int top, int side) {
  std::array<int, 3> sums{};
  for (int y = top; y < top + side; ++y)
    for (int x = left; x < left + side; ++x)
      for (int c = 0; c < 3; ++c) sums[c] += image.rgb[static_cast<size_t>((y * image.width + x) * 3 + c)];
  for (int& sum : sums) sum /= side * side;
  return sums;
}

TEST_P(StepsOfEachKind, ShowsTheSamplesWithTheHighestLosses) {
  constexpr int kSteps = 72, kStretch = 256, kWorst = 7;
  lose({2});
  leg(GetParam(), {{"data.condition", GetParam() == "diffusion" ? "none" : "outline"}, {"train.steps_per_epoch", "36"}},
      kSteps);  // 288 samples
  const auto told = lines_of({"--step", fmt::format("1:{}", kSteps)});
  ASSERT_EQ(told.size(), 4U * kSteps);

  struct Sums {
    int seen = 0;
    double loss = 0, relative = 0;
  };
  std::map<uint64_t, Sums> entries;
  const std::string player = GetParam() == "diffusion" ? "denoiser" : "generator";
  for (size_t begin = 0; begin < told.size(); begin += kStretch) {
    std::vector<json> stretch(told.begin() + static_cast<ptrdiff_t>(begin),
                              told.begin() + static_cast<ptrdiff_t>(std::min(begin + kStretch, told.size())));
    if (GetParam() == "diffusion")
      std::ranges::sort(stretch, {}, [](const json& sample) { return sample["noise_level"].get<double>(); });
    const size_t peers = GetParam() == "diffusion" ? stretch.size() / 4 : stretch.size();
    for (size_t i = 0; i < stretch.size(); ++i) {
      double mean = 0;
      for (size_t peer = i / peers * peers; peer < (i / peers + 1) * peers; ++peer)
        mean += stretch[peer]["loss"][player].get<double>() / static_cast<double>(peers);
      Sums& sums = entries[stretch[i]["entry"].get<uint64_t>()];
      ++sums.seen;
      sums.loss += stretch[i]["loss"][player].get<double>();
      sums.relative += stretch[i]["loss"][player].get<double>() / mean;
    }
  }
  std::vector<std::pair<double, uint64_t>> wanted;
  for (const auto& [entry, sums] : entries) wanted.emplace_back(-sums.relative / sums.seen, entry);
  std::ranges::sort(wanted);
  ASSERT_EQ(wanted.size(), kServed - 1U);

  const auto gone = static_cast<int>(wanted[1].second);
  lose({2, gone});
  const auto worst = lines_of({"--worst", std::to_string(kWorst), "--out", folder_ / "sheet.png"});
  ASSERT_EQ(worst.size(), static_cast<size_t>(kWorst));
  for (size_t rank = 0; rank < kWorst; ++rank) {
    const uint64_t entry = wanted[rank].second;
    const Sums& sums = entries[entry];
    EXPECT_EQ(worst[rank]["rank"], rank + 1);
    EXPECT_EQ(worst[rank]["entry"], entry);
    EXPECT_EQ(worst[rank]["url"], url(static_cast<int>(entry)));
    EXPECT_EQ(worst[rank]["seen"], sums.seen);
    EXPECT_NEAR(worst[rank]["loss"].get<double>(), sums.loss / sums.seen, 1e-6 * sums.loss);
    EXPECT_NEAR(worst[rank]["relative"].get<double>(), -wanted[rank].first, 1e-6);
    EXPECT_EQ(worst[rank]["fault"], rank == 1 ? json("http-status") : json());
  }

  const std::string bytes = read_file(folder_ / "sheet.png");
  const auto decoded = decode(std::as_bytes(std::span(bytes)));
  const Image& sheet = std::get<Image>(decoded);
  EXPECT_EQ(sheet.width, 5 * 160 + 4 * 4);
  EXPECT_EQ(sheet.height, 2 * 200 + 4) << "two rows of tiles with captions";
  for (size_t rank = 0; rank < kWorst; ++rank) {
    const int left = static_cast<int>(rank % 5) * 164, top = static_cast<int>(rank / 5) * 204;
    const Image source = picture(static_cast<int>(wanted[rank].second));
    const auto there = colour_of(sheet, left, top, 160);
    const auto expected = rank == 1 ? std::array{160, 160, 160} : colour_of(source, 0, 0, source.width);
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(there[c], expected[c], 3) << "tile " << rank;
  }

  std::string said, log;
  ASSERT_EQ(ask({"--worst", "2"}, &said, &log), 0);
  EXPECT_TRUE(fs::exists(run_dir() / "worst.png"));
  EXPECT_THAT(log, HasSubstr("worst.png"));
  EXPECT_THAT(said, AllOf(HasSubstr("rank "), HasSubstr(url(gone) + "  (no picture: http-status)\n")));
}

TEST_F(Steps, LooksForTheWorstUpToTheCheckpointOnly) {
  leg("diffusion", {{"data.condition", "none"}}, 6);
  const auto before = lines_of({"--worst", "12"});
  std::ofstream(run_dir() / "losses.jsonl", std::ios::app)  // as a run that goes on, or was killed, leaves it
      << R"({"position":28,"step":7,"losses":{"denoiser":[900,900,900,900]}})"
      << "\n";
  EXPECT_EQ(lines_of({"--worst", "12"}), before);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StepsOfEachKind, testing::Values("diffusion", "pix2pix"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace atelier
