#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/checkpoint.h"
#include "tests/support/loopback_server.h"
#include "tests/train/fixtures.h"
#include "tests/train/program.h"

namespace atelier {
namespace {

using nlohmann::json;
using test::HttpReply;
using test::HttpRequest;
using test::LoopbackServer;
using testing::AllOf;
using testing::HasSubstr;

/// Every file and folder below, with what is in it and when it was changed.
std::map<std::string, std::string> contents_of(const fs::path& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    contents[entry.path()] = fmt::format("{} {}", entry.last_write_time().time_since_epoch().count(),
                                         entry.is_regular_file() ? sha256_file(entry.path()) : "folder");
  return contents;
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

class PlanOfARun : public Training {
 protected:
  int plan(std::vector<std::string> arguments, std::string* log = nullptr, std::string* said = nullptr) const {
    arguments.emplace_back("--plan");
    return run(arguments, log, said);
  }

  /// The plan as JSON; it must be that of a run that works.
  json planned(std::vector<std::string> arguments, int code = 0) const {
    arguments.emplace_back("--json");
    std::string log, said;
    EXPECT_EQ(plan(std::move(arguments), &log, &said), code) << log << said;
    return json::parse(said);
  }

  static std::string png(int row) {
    const auto bytes = encode_png(picture(row % kRows));
    return {std::bit_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// A list of `rows` urls of a server that answers as `answer` does.
  using Answer = std::function<void(int row, const HttpRequest& request, HttpReply& reply)>;
  Settings on_the_web(int rows, Answer answer) {
    server_ = std::make_unique<LoopbackServer>([answer = std::move(answer)](const auto& request, auto& reply) {
      answer(std::stoi(request.path.substr(1)), request, reply);
    });
    std::ofstream list(folder_ / "web.txt");
    for (int row = 0; row < rows; ++row) list << server_->url(fmt::format("/{}", row)) << '\n';
    return {{"data.list", folder_ / "web.txt"}, {"data.allow_private", "true"}, {"data.sample_deadline", "0.5"}};
  }

  static void send_png(int row, HttpReply& reply) { reply.send_answer(200, png(row), {"Content-Type: image/png"}); }

  const fs::path run_dir_ = folder_ / "runs/new";
  std::unique_ptr<LoopbackServer> server_;
};

TEST_F(PlanOfARun, SaysWhatIsDeadHowMuchComesAndHowLongItTakes) {
  constexpr int kDead = 12, kLarge = 6, kWeb = 60;
  auto settings = on_the_web(kWeb, [](int row, const HttpRequest&, HttpReply& reply) {
    if (row < kDead) {
      reply.send_answer(404, "");
    } else if (row < kDead + kLarge) {
      reply.send_head(200, {"Content-Length: 40000000"});
    } else {
      send_png(row, reply);
    }
  });
  settings["train.epochs"] = "20";
  settings["data.held_out"] = "0";
  for (const char* kind : {"diffusion", "pix2pix"}) {
    const json plan = planned(arguments(run_dir_, kind, settings));
    EXPECT_EQ(plan["works"], true);
    EXPECT_EQ(plan["reason"], nullptr);
    EXPECT_EQ(plan["resumes"], false);
    EXPECT_EQ(plan["steps"], 60);
    EXPECT_EQ(plan["rows"], kWeb);
    EXPECT_EQ(plan["probe"]["asked"], kWeb);
    EXPECT_EQ(plan["probe"]["failures"], json({{"http-status", kDead}, {"too-large-by-head", kLarge}}));
    double bytes = 0;
    for (int row = kDead + kLarge; row < kWeb; ++row) bytes += static_cast<double>(png(row).size());
    EXPECT_NEAR(plan["bytes"]["pass"], bytes, 1);
    const double mean = bytes / (kWeb - kDead - kLarge);
    EXPECT_NEAR(plan["bytes"]["image"], mean, 1e-6);
    EXPECT_NEAR(plan["bytes"]["epoch"], mean * 12, 1e-6);
    EXPECT_NEAR(plan["bytes"]["run"], mean * 12 * 20, 1e-6);
    EXPECT_GT(plan["stream"]["images_per_second"], 0.0);
    EXPECT_GT(plan["stream"]["substituted"], 0);
    const json& step = plan["step"];
    EXPECT_EQ(step["width"], 16);
    EXPECT_EQ(step["height"], 16);
    EXPECT_GE(step["timed"], 1);
    EXPECT_GT(step["compute"], 0.0);
    EXPECT_DOUBLE_EQ(step["seconds"], std::max(step["compute"].get<double>(), step["data"].get<double>()));
    const json& seconds = plan["seconds"];
    EXPECT_DOUBLE_EQ(seconds["steps"], 60 * step["seconds"].get<double>());
    EXPECT_GT(seconds["grids"], 0.0);
    EXPECT_EQ(seconds["held_out"], 0.0);
    EXPECT_DOUBLE_EQ(seconds["all"], seconds["steps"].get<double>() + seconds["grids"].get<double>());
    EXPECT_GT(plan["memory"][0]["peak"], 10'000'000);
    EXPECT_GT(plan["memory"][0]["all"], plan["memory"][0]["peak"]);
    EXPECT_FALSE(plan["headline"].get<std::string>().empty());
  }
  EXPECT_FALSE(fs::exists(folder_ / "runs")) << "it made the run's folder";
}

TEST_F(PlanOfARun, IsATableForPeople) {
  std::string log, said;
  ASSERT_EQ(plan(arguments(run_dir_, "diffusion", {{"train.epochs", "20"}}), &log, &said), 0) << log;
  EXPECT_THAT(said,
              AllOf(HasSubstr("run         "), HasSubstr("starts at position 0 of 240, 60 steps of 4 samples"),
                    HasSubstr("model       diffusion at 16 pixels, denoiser "), HasSubstr("alive       100.0 %"),
                    HasSubstr("dead          0.0 %: none"), HasSubstr("\nstream      "), HasSubstr("\nstep        "),
                    HasSubstr("held-out losses"), HasSubstr("\nmemory      "), HasSubstr("\ncheckpoint  ")));
  EXPECT_THAT(said, HasSubstr("The run can work, and takes about"));
}

TEST_F(PlanOfARun, KnowsTheBytesThatTheRunThenWrites) {
  const auto settings = arguments(run_dir_, "diffusion",
                                  {{"train.epochs", "7"},
                                   {"train.keep_checkpoints", "2"},
                                   {"train.keep_every", "3"},
                                   {"train.average_snapshots", "4"},
                                   {"model.channels", "32"}});
  const json plan = planned(settings);
  std::string log;
  ASSERT_EQ(run(settings, &log), 0) << log;
  const auto expect_close = [](double planned, uint64_t written) {  // never less, and a little to spare
    EXPECT_GE(planned, static_cast<double>(written));
    EXPECT_LT(planned, 1.02 * static_cast<double>(written));
  };
  expect_close(plan["checkpoint"], bytes_below(run_dir_ / "positions/000000000084"));
  expect_close(plan["averages"]["bytes"], bytes_below(run_dir_ / "averages/000000000084"));
  EXPECT_EQ(plan["averages"]["snapshots"].get<size_t>(), list_sealed_folders(run_dir_ / "averages").size());
  ASSERT_EQ(list_checkpoints(run_dir_).size(), 3U) << "steps 9 and 18 for good, 18 and 21 as the newest";
  const uint64_t needed = plan["disk"]["to_end"]["needed"];
  EXPECT_GE(needed, bytes_below(run_dir_ / "positions") + bytes_below(run_dir_ / "averages"));
  EXPECT_LE(needed, 2 * (bytes_below(run_dir_ / "positions") + bytes_below(run_dir_ / "averages")));
}

TEST_F(PlanOfARun, LeavesTheRunThatItGoesOnWithAsItIs) {
  const fs::path run_dir = folder_ / "run";
  auto first = arguments(run_dir, "diffusion");
  first.insert(first.end(), {"--until", "7"});
  std::string log, said;
  ASSERT_EQ(run(first, &log), 0) << log;
  fs::create_directories(run_dir / "positions/000000000032.partial");  // as a killed saving leaves it
  std::ofstream(run_dir / "positions/000000000032.partial/model.safetensors") << "half";
  const auto before = contents_of(run_dir);
  const json plan = planned(arguments(run_dir, "diffusion"));
  EXPECT_EQ(plan["resumes"], true);
  EXPECT_EQ(plan["position"], 28);
  EXPECT_EQ(plan["steps"], 2000 * 3 - 7);
  EXPECT_EQ(contents_of(run_dir), before);
  EXPECT_EQ(this->plan(arguments(run_dir, "diffusion", {{"seed", "5"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("seed was 0 and is 5 now"));
  EXPECT_EQ(this->plan(arguments(run_dir, "diffusion", {{"train.learning_rate", "1e-3"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("--accept-changes"));
  EXPECT_EQ(this->plan(arguments(run_dir, "diffusion", {{"train.resume", "never"}}), &log), 2);
  EXPECT_EQ(contents_of(run_dir), before);
}

TEST_F(PlanOfARun, OfAFinishedRunSaysSo) {
  const fs::path run_dir = folder_ / "run";
  std::string log, said;
  ASSERT_EQ(run(arguments(run_dir, "diffusion", {{"train.epochs", "1"}}), &log), 0) << log;
  ASSERT_EQ(plan(arguments(run_dir, "diffusion", {{"train.epochs", "1"}}), &log, &said), 0) << log;
  EXPECT_THAT(said, AllOf(HasSubstr("0 steps of 4 samples to come"), HasSubstr("This run is finished")));
  auto longer = arguments(run_dir, "diffusion", {{"train.epochs", "3"}});
  longer.emplace_back("--accept-changes");
  EXPECT_EQ(planned(longer)["steps"], 6);
}

TEST_F(PlanOfARun, IsRefusedWhereTheRunWouldBe) {
  std::string log;
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion", {{"train.resume", "must"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("no checkpoint to resume"));
  auto as_json = arguments(run_dir_, "diffusion", {{"train.resume", "must"}});
  as_json.emplace_back("--json");
  std::string said;
  EXPECT_EQ(plan(as_json, &log, &said), 2);
  EXPECT_EQ(json::parse(said)["works"], false);
  EXPECT_THAT(json::parse(said)["reason"].get<std::string>(), HasSubstr("no checkpoint to resume"));
  std::ofstream(folder_ / "file") << "in the way";
  EXPECT_EQ(plan(arguments(folder_ / "file/run", "diffusion"), &log), 2);
  EXPECT_THAT(log, HasSubstr("cannot be made"));
  EXPECT_EQ(plan({"--train.run_dir", run_dir_}, &log), 2);
  EXPECT_THAT(log, HasSubstr("data.list is not set"));
  auto until = arguments(run_dir_, "diffusion");
  until.insert(until.end(), {"--until", "3"});
  EXPECT_EQ(plan(until, &log), 2);
  EXPECT_THAT(log, HasSubstr("leave --until out"));
  auto no_plan = arguments(run_dir_, "diffusion");
  no_plan.emplace_back("--json");
  EXPECT_EQ(run(no_plan, &log), 2);
  EXPECT_FALSE(fs::exists(run_dir_));
}

TEST_F(PlanOfARun, LeavesARunUnderWayAlone) {
  const fs::path run_dir = folder_ / "run";
  Process under_way(arguments(run_dir, "diffusion"), folder_ / "log of the run");
  ASSERT_TRUE(wait_for_checkpoints(under_way, run_dir, 1)) << under_way.log();
  std::string log;
  EXPECT_EQ(plan(arguments(run_dir, "diffusion"), &log), 2);
  EXPECT_THAT(log, HasSubstr("Another atelier-train works in"));
  ASSERT_TRUE(wait_for_checkpoints(under_way, run_dir, list_checkpoints(run_dir).size() + 1)) << under_way.log();
  under_way.send(SIGINT);
  EXPECT_EQ(under_way.wait(), 130) << under_way.log();
}

TEST_F(PlanOfARun, SaysThatTheDiskIsTooSmall) {
  setenv("LD_PRELOAD", SMALL_DISK, 1);
  setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 0);
  std::string log, said;
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion"), &log, &said), 2);
  unsetenv("LD_PRELOAD");
  EXPECT_THAT(log, AllOf(HasSubstr("no room for two more checkpoints"), HasSubstr("and 100000 are free")));
  EXPECT_THAT(said, AllOf(HasSubstr("\ndisk        "), testing::Not(HasSubstr("alive")))) << "it tried the rest, too";
  EXPECT_FALSE(fs::exists(run_dir_));
}

TEST_F(PlanOfARun, SaysThatTheListIsDead) {
  std::string log;
  const auto dead = on_the_web(30, [](int, const HttpRequest&, HttpReply& reply) { reply.send_answer(404, ""); });
  const json plan = planned(arguments(run_dir_, "diffusion", dead), 2);
  EXPECT_EQ(plan["works"], false);
  EXPECT_THAT(plan["reason"].get<std::string>(), HasSubstr("None of the"));
  EXPECT_FALSE(plan.contains("step")) << "it trained on nothing";
}

TEST_F(PlanOfARun, SaysThatTooMuchOfTheListIsDead) {
  const auto dead = on_the_web(150, [](int row, const HttpRequest&, HttpReply& reply) {
    if (row % 3 == 0) return send_png(row, reply);
    reply.send_answer(404, "");
  });
  std::string log;
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion", dead), &log), 2);
  EXPECT_THAT(log, AllOf(HasSubstr("more than data.max_failure_rate allows (0.5)"), HasSubstr("http-status")));
  auto patient = dead;
  patient["data.max_failure_rate"] = "0.9";
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion", patient), &log), 0) << log;
}

TEST_F(PlanOfARun, SaysThatWhatAnswersIsNoImage) {
  const auto pages = on_the_web(30, [](int, const HttpRequest&, HttpReply& reply) {
    reply.send_answer(200, "<html>", {"Content-Type: image/png"});
  });
  const json plan = planned(arguments(run_dir_, "diffusion", pages), 2);
  EXPECT_EQ(plan["probe"]["alive"], plan["probe"]["asked"]);
  EXPECT_THAT(plan["reason"].get<std::string>(), HasSubstr("not-an-image"));
}

TEST_F(PlanOfARun, BlamesTheNetworkWhereNobodyIsThere) {
  const auto settings = on_the_web(8, [](int row, const HttpRequest&, HttpReply& reply) { send_png(row, reply); });
  server_->refuse(true);
  std::string log;
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion", settings), &log), 1);
  EXPECT_THAT(log, HasSubstr("connect"));
}

TEST_F(PlanOfARun, FindsThatDataIsTheLimit) {
  auto slow = on_the_web(200, [](int row, const HttpRequest& request, HttpReply& reply) {
    if (request.method == "GET") reply.wait(0.2);
    send_png(row, reply);
  });
  slow["data.connections"] = "1";
  slow["data.memory"] = "67108864";
  const json plan = planned(arguments(run_dir_, "diffusion", slow));
  EXPECT_EQ(plan["limit"], "data");
  EXPECT_LT(plan["stream"]["images_per_second"], 6.0) << "the server gives 5";
  EXPECT_GT(plan["stream"]["images_per_second"], 1.0);
  EXPECT_EQ(plan["stream"]["stage"], "network");
  EXPECT_GT(plan["step"]["waiting"], 0.3);
  EXPECT_THAT(plan["headline"].get<std::string>(), HasSubstr("Data is the limit"));
}

TEST_F(PlanOfARun, StepsAtTheLargestShape) {
  std::ofstream list(folder_ / "shapes.csv");
  list << "url,width,height\n";
  for (int row = 0; row < 80; ++row) list << row % kRows << ".png," << (row < 40 ? "48,24\n" : "24,24\n");
  list.close();
  const json plan =
      planned(arguments(run_dir_, "diffusion",
                        {{"data.list", folder_ / "shapes.csv"}, {"data.shapes", "buckets"}, {"data.held_out", "0"}}));
  EXPECT_EQ(plan["step"]["width"], 24);
  EXPECT_EQ(plan["step"]["height"], 12);
}

TEST_F(PlanOfARun, ReadsACacheAndAddsNothing) {
  const fs::path cache = folder_ / "cache";
  auto settings = on_the_web(20, [](int row, const HttpRequest&, HttpReply& reply) { send_png(row, reply); });
  settings["data.cache"] = cache;
  settings["data.held_out"] = "0";
  planned(arguments(run_dir_, "diffusion", settings));
  EXPECT_FALSE(fs::exists(cache));
  std::string log;
  settings["train.epochs"] = "5";  // three passes
  ASSERT_EQ(run(arguments(folder_ / "run", "diffusion", settings), &log), 0) << log;
  const auto before = contents_of(cache);
  const int gets = server_->count("GET");
  settings["train.run_dir"] = run_dir_;
  planned(arguments(run_dir_, "diffusion", settings));
  EXPECT_EQ(server_->count("GET"), gets) << "it fetched what the cache holds";
  EXPECT_EQ(contents_of(cache), before);
  settings["data.list"] = folder_ / "list.csv";
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion", settings), &log), 2);
  EXPECT_THAT(log, HasSubstr("holds the images of another list"));
  settings["data.cache"] = folder_.path();
  EXPECT_EQ(plan(arguments(run_dir_, "diffusion", settings), &log), 2);
  EXPECT_THAT(log, HasSubstr("neither empty nor a store"));
}

}  // namespace
}  // namespace atelier
