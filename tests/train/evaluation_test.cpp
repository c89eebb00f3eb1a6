#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <torch/script.h>

#include "tests/train/program.h"
#include "train/distances.h"

namespace atelier {
namespace {

using testing::HasSubstr;

/// The program on a finished run, with a network that sees the mean of each quarter of a picture.
class Evaluating : public Training {
 protected:
  static constexpr const char* kQuarters = R"(
    def forward(self, pictures):
      return torch.adaptive_avg_pool2d(pictures.float() / 255, [2, 2]).flatten(1)
  )";

  Evaluating() : run_(folder_ / "run") {
    std::string log;
    EXPECT_EQ(run(arguments(run_, "pix2pix",
                            {{"train.epochs", "2"},
                             {"train.warmup", "0"},
                             {"train.learning_rate", "0.01"},
                             {"data.held_out", "0.5"}}),
                  &log),
              0)
        << log;
  }

  fs::path script(const std::string& source, const char* name = "features.pt") const {
    torch::jit::Module module("features");
    module.define(source);
    module.save((folder_ / name).string());
    return folder_ / name;
  }

  int evaluated(std::vector<std::string> flags, std::string* log = nullptr, std::string* said = nullptr) const {
    flags.insert(flags.begin(), {"evaluate", run_.string()});
    return run(flags, log, said);
  }

  nlohmann::json found(std::vector<std::string> flags) const {
    flags.insert(flags.end(), {"--features", script(kQuarters), "--json"});
    std::string log, said;
    EXPECT_EQ(evaluated(flags, &log, &said), 0) << log;
    return nlohmann::json::parse(said, nullptr, /*allow_exceptions=*/false);
  }

  const fs::path run_;
};

TEST_F(Evaluating, ComparesHeldOutPicturesWithGeneratedOnes) {
  const nlohmann::json first = found({});
  EXPECT_EQ(first["features"], 12);
  EXPECT_GE(first["pictures"], 2);
  EXPECT_LT(first["pictures"], kRows);
  EXPECT_EQ(first["weights"], "average");
  EXPECT_GT(first["fid"], 0.1) << "a network of six steps makes no furniture";
  EXPECT_EQ(found({}), first) << "the same each time";
  EXPECT_NE(found({"--weights", "raw"})["fid"], first["fid"]);
  EXPECT_EQ(found({"--samples", "2"})["pictures"], 2);
  EXPECT_EQ(found({"--all"})["pictures"], kRows);
}

TEST_F(Evaluating, KnowsLabelsByTheirNames) {
  const auto list = [&](const char* name, const std::string& label) {
    std::ofstream rows(folder_ / name);
    rows << "url,label\n";
    for (int row = 0; row < kRows; ++row) rows << row << ".png," << (row % 2 ? "chair" : label) << '\n';
    return folder_ / name;
  };
  const nlohmann::json own = found({"--all"});
  std::ofstream chairs(folder_ / "chairs.csv");
  chairs << "url,label\n";
  for (int row = 1; row < kRows; row += 2) chairs << row << ".png,chair\n";
  chairs.close();
  EXPECT_EQ(found({"--all", "--data.list", folder_ / "chairs.csv"})["pictures"], kRows / 2);
  std::string log;
  EXPECT_EQ(evaluated({"--features", script(kQuarters), "--all", "--data.list", list("lamps.csv", "lamp")}, &log), 2);
  EXPECT_THAT(log, HasSubstr("the label \"lamp\", which the model does not know"));
  EXPECT_EQ(found({"--all", "--data.list", list("same.csv", "table")})["fid"], own["fid"]);
}

TEST_F(Evaluating, ComparesEachPictureOnceHoweverTheRunWasBalanced) {
  std::string log;
  const fs::path balanced = folder_ / "balanced";
  ASSERT_EQ(run(arguments(balanced, "diffusion",
                          {{"train.epochs", "2"},
                           {"train.warmup", "0"},
                           {"train.learning_rate", "0.01"},
                           {"data.balance", "label"}}),
                &log),
            0)
      << log;
  std::string said;
  std::vector<std::string> words = {"evaluate", balanced, "--features", script(kQuarters),
                                    "--all",    "--json", "--steps",    "2"};
  ASSERT_EQ(run(words, &log, &said), 0) << log;
  const auto plain = nlohmann::json::parse(said);
  EXPECT_EQ(plain["pictures"], kRows);
  words.insert(words.end(), {"--guidance", "4"});
  ASSERT_EQ(run(words, &log, &said), 0) << log;
  EXPECT_NE(nlohmann::json::parse(said)["fid"], plain["fid"]);
  words.back() = "much";
  EXPECT_EQ(run(words, &log), 2);
  EXPECT_THAT(log, HasSubstr("--guidance takes a number from 0 to 100, not \"much\""));
}

TEST_F(Training, MeasuresEachHeldOutPictureOnceHoweverTheRunIsBalanced) {
  std::ofstream list(folder_ / "uneven.csv");
  list << "url,label\n";
  for (int row = 0; row < kRows; ++row) list << row << ".png," << (row < 3 ? "chair" : "table") << '\n';
  list.close();
  const auto held_out_set = [&](const std::string& balance) {
    const fs::path run_dir = folder_ / balance;
    std::string log;
    EXPECT_EQ(run(arguments(run_dir, "pix2pix",
                            {{"train.epochs", "1"},
                             {"train.steps_per_epoch", "1"},
                             {"data.list", folder_ / "uneven.csv"},
                             {"data.held_out", "0.9"},
                             {"data.balance", balance}}),
                  &log),
              0)
        << log;
    std::istringstream metrics(read_file(run_dir / "metrics.jsonl"));
    for (std::string text; std::getline(metrics, text);)
      if (const auto line = nlohmann::json::parse(text); line["kind"] == "held_out")
        return line["set"].get<std::string>();
    return std::string();
  };
  const std::string set = held_out_set("none");
  EXPECT_NE(set, "");
  EXPECT_EQ(held_out_set("label"), set);
}

TEST_F(Evaluating, SaysWhatCouldNotBeHad) {
  EXPECT_EQ(found({"--all"})["substituted"], 0);
  for (int row = 0; row < 3; ++row) fs::remove(folder_ / (std::to_string(row) + ".png"));
  std::string log, said;
  ASSERT_EQ(evaluated({"--all", "--features", script(kQuarters), "--json"}, &log, &said), 0) << log;
  EXPECT_EQ(nlohmann::json::parse(said)["substituted"], 3);
  EXPECT_THAT(log, HasSubstr("3 pictures could not be had"));
}

TEST_F(Evaluating, PrintsATable) {
  std::string log, said;
  ASSERT_EQ(evaluated({"--features", script(kQuarters)}, &log, &said), 0) << log;
  EXPECT_THAT(said, HasSubstr("12 features\nFID        "));
  EXPECT_THAT(said, HasSubstr("\nrecall     "));
  EXPECT_THAT(log, HasSubstr("no more than the 12 features"));
}

TEST_F(Evaluating, SaysWhatIsWrongWithTheNetworkThatJudges) {
  std::string log;
  EXPECT_EQ(evaluated({}, &log), 2);
  EXPECT_THAT(log, HasSubstr("evaluate needs --features"));
  std::ofstream(folder_ / "no.pt") << "PK\003\004 no script";
  EXPECT_EQ(evaluated({"--features", folder_ / "no.pt"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("cannot be read as a TorchScript module"));
  EXPECT_EQ(evaluated({"--features", script("def forward(self, x):\n  return x.float()\n")}, &log), 2);
  EXPECT_THAT(log, HasSubstr("must turn uint8 [N, 3, H, W] into one tensor of floats [N, D]"));
  EXPECT_EQ(evaluated({"--features", script("def forward(self, x):\n  return x.float().flatten(1) / 0\n")}, &log), 2);
  EXPECT_THAT(log, HasSubstr("not finite"));
  EXPECT_EQ(evaluated({"--features", script("def forward(self, x):\n  return x.view(7, 7, 7)\n")}, &log), 2);
  EXPECT_THAT(log, HasSubstr("fails on pictures of 16 x 16 pixels"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

TEST_F(Evaluating, NeedsPicturesToCompareWith) {
  std::string log;
  const fs::path whole = folder_ / "whole";
  ASSERT_EQ(run(arguments(whole, "pix2pix", {{"train.epochs", "1"}, {"data.held_out", "0"}}), &log), 0) << log;
  EXPECT_EQ(run({"evaluate", whole, "--features", script(kQuarters)}, &log), 2);
  EXPECT_THAT(log, HasSubstr("--all"));
  EXPECT_EQ(run({"evaluate", whole, "--features", script(kQuarters), "--all"}, &log), 0) << log;
  for (const char* flag : {"--guidance", "--steps"}) {
    EXPECT_EQ(run({"evaluate", whole, "--features", script(kQuarters), "--all", flag, "2"}, &log), 2);
    EXPECT_THAT(log, HasSubstr(std::string(flag) + " has no effect on a pix2pix model: leave it out"));
  }
}

}  // namespace
}  // namespace atelier
