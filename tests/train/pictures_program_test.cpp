#include <atomic>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "data/manifest.h"
#include "tests/support/loopback_server.h"
#include "tests/train/program.h"

/// What a run shows at the ends of its epochs: held-out losses and grids of samples.
namespace atelier {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// The lines of metrics.jsonl, without when they were written.
std::vector<nlohmann::json> held_out_lines(const fs::path& run_dir) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(run_dir / "metrics.jsonl"));
  for (std::string line; std::getline(text, line);)
    if (auto json = nlohmann::json::parse(line); json["kind"] == "held_out") {
      json.erase("time");
      lines.push_back(json);
    }
  return lines;
}

std::string state_of(const fs::path& run_dir) {
  return nlohmann::json::parse(read_file(run_dir / "status.json")).at("state");
}

TEST_F(Training, GoesOnWithoutHeldOutPicturesThatCannotBeHad) {
  std::string log;
  const auto to_step = [&](const char* until) {
    auto words = arguments(folder_ / "run", "pix2pix");
    words.insert(words.end(), {"--until", until});
    return run(words, &log);
  };
  ASSERT_EQ(to_step("3"), 0) << log;
  EXPECT_THAT(log, HasSubstr(" held-out samples"));
  const RowSet held_out = Manifest(folder_ / "list.csv").split(0.2, true);
  ASSERT_FALSE(held_out.empty());
  for (uint64_t i = 0; i < held_out.size(); ++i) fs::remove(folder_ / fmt::format("{}.png", held_out.at(i)));
  EXPECT_EQ(to_step("6"), 0) << log;
  EXPECT_THAT(log, HasSubstr("the held-out pictures cannot be had, and there will be no held-out loss: "));
  EXPECT_EQ(held_out_lines(folder_ / "run").size(), 1U) << "that of the first leg";
}

TEST_F(Training, EndsWhereHeldOutPicturesMayBeHadLater) {
  test::LoopbackServer server([](const test::HttpRequest&, test::HttpReply&) {});
  server.refuse(true);
  const RowSet split = Manifest(folder_ / "list.csv").split(0.2, true);
  ASSERT_FALSE(split.empty());
  std::set<uint64_t> held_out;
  for (uint64_t i = 0; i < split.size(); ++i) held_out.insert(split.at(i));
  std::ofstream list(folder_ / "some.csv");
  list << "url,group\n";  // the split goes by the group, which is the same as in the list without one
  for (int row = 0; row < kRows; ++row) {
    const std::string name = fmt::format("{}.png", row);
    list << (held_out.contains(static_cast<uint64_t>(row)) ? server.url("/" + name) : name) << ',' << name << '\n';
  }
  list.close();
  std::string log;
  EXPECT_EQ(
      run(arguments(folder_ / "run", "pix2pix",
                    {{"data.list", folder_ / "some.csv"}, {"data.allow_private", "true"}, {"data.outage_limit", "1"}}),
          &log),
      1)
      << log;
  EXPECT_FALSE(fs::exists(folder_ / "run")) << "the same command may find them";
}

TEST_F(Training, MeasuresAnEpochAnewThatItWasEndedIn) {
  const fs::path run_dir = folder_ / "run", metrics = run_dir / "metrics.jsonl";
  const auto to_step = [&](const char* until) {
    auto words = arguments(run_dir, "pix2pix", {{"train.sample_every", "1"}});
    words.insert(words.end(), {"--until", until});
    std::string log;
    EXPECT_EQ(run(words, &log), 0) << log;
  };
  to_step("6");
  const auto measured = held_out_lines(run_dir);
  ASSERT_EQ(measured.size(), 2U);
  std::string text = read_file(metrics);
  text.resize(text.find("\n", text.find("\"held_out\"")) + 1);  // as if it had been killed right after its checkpoint
  publish_file(metrics, text);
  ASSERT_EQ(held_out_lines(run_dir).size(), 1U);
  to_step("7");
  EXPECT_EQ(held_out_lines(run_dir), measured);
  const fs::path grid = run_dir / "samples/000000000036.png";
  to_step("9");
  const std::string drawn = read_file(grid);
  fs::remove(grid);  // as if it had been ended while it drew them
  to_step("10");
  EXPECT_EQ(read_file(grid), drawn);
  EXPECT_EQ(held_out_lines(run_dir).size(), 3U) << "what was measured is not measured again";
}

TEST_F(Training, ShowsWhatItHadNoTimeToShowAtItsEnd) {
  const fs::path run_dir = folder_ / "run", metrics = run_dir / "metrics.jsonl",
                 grid = run_dir / "samples/000000000024.png";
  const auto words = arguments(run_dir, "pix2pix", {{"train.epochs", "2"}, {"train.sample_every", "1"}});
  std::string log;
  ASSERT_EQ(run(words, &log), 0) << log;
  const auto measured = held_out_lines(run_dir);
  const std::string drawn = read_file(grid), trained = read_file(run_dir / "positions/000000000024/model.safetensors");
  std::string text = read_file(metrics);
  text.resize(text.rfind('\n', text.rfind("\"held_out\"")) + 1);
  publish_file(metrics, text);
  fs::remove(grid);
  auto status = nlohmann::json::parse(read_file(run_dir / "status.json"));
  status["state"] = "running";  // as if it had been killed after its last checkpoint
  publish_file(run_dir / "status.json", status.dump());
  ASSERT_EQ(held_out_lines(run_dir).size(), 1U);
  ASSERT_EQ(run(words, &log), 0) << log;
  EXPECT_EQ(held_out_lines(run_dir), measured);
  EXPECT_EQ(read_file(grid), drawn);
  EXPECT_EQ(read_file(run_dir / "positions/000000000024/model.safetensors"), trained);
  EXPECT_EQ(state_of(run_dir), "finished");
  ASSERT_EQ(run(words, &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("this run is finished"));
}

TEST_F(Training, DrawsNothingBeforeItsFirstStep) {
  std::atomic<bool> answers = false, asked = false;
  const test::LoopbackServer server([&](const test::HttpRequest& request, test::HttpReply& reply) {
    asked = true;
    while (!answers) std::this_thread::sleep_for(5ms);
    reply.send_answer(200, read_file(folder_ / request.path.substr(1)));
  });
  std::ofstream list(folder_ / "slow.csv");
  list << "url\n";
  for (int row = 0; row < kRows; ++row) list << server.url(fmt::format("/{}.png", row)) << '\n';
  list.close();
  const fs::path run_dir = folder_ / "run";
  const auto words = arguments(run_dir, "diffusion",
                               {{"data.list", folder_ / "slow.csv"},
                                {"data.allow_private", "true"},
                                {"data.head", "never"},
                                {"data.condition", "none"},
                                {"data.held_out", "0"},
                                {"train.epochs", "1"},
                                {"train.sample_every", "1"}});
  Process waiting(words, folder_ / "log");
  while (waiting.running() && !(asked && fs::exists(run_dir / "status.json"))) std::this_thread::sleep_for(5ms);
  waiting.send(SIGINT);
  EXPECT_EQ(waiting.wait(), 130) << waiting.log();
  ASSERT_EQ(list_checkpoints(run_dir).size(), 1U);
  answers = true;
  std::string log;
  ASSERT_EQ(run(words, &log), 0) << log;
  EXPECT_FALSE(fs::exists(run_dir / "samples/000000000000.png"));
  EXPECT_TRUE(fs::exists(run_dir / "samples/000000000012.png"));
}

}  // namespace
}  // namespace atelier
