#include "train/run_state.h"

#include <ATen/Parallel.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/device.h"
#include "tests/train/fixtures.h"

namespace atelier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Resuming : public testing::Test {
 protected:
  Resuming()
      : list_(write_list("chair")),
        manifest_(list_),
        config_(small_config()),
        saved_(begin_run(config_, manifest_, 1000)) {
    for (int step = 0; step < 10; ++step) saved_.clock.advance();
    saved_ = run_state_from_json(nlohmann::json::parse(to_json(saved_).dump()));
  }

  std::filesystem::path write_list(const std::string& label) {
    const auto path = folder_ / "list.csv";
    std::ofstream(path) << "url,label\na.png," << label << "\nb.png,table\n";
    return path;
  }

  /// The sentence that refuses to go on with `config_`.
  std::string refusal(bool accept_changes = true) {
    std::vector<std::string> warnings;
    try {
      continue_run(saved_, config_, Manifest(list_), accept_changes, warnings);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  std::filesystem::path list_;
  Manifest manifest_;
  Config config_;
  RunState saved_;
};

TEST_F(Resuming, ChangesNothingWhenNothingChanged) {
  std::vector<std::string> warnings;
  const RunState state = continue_run(saved_, config_, manifest_, false, warnings);
  EXPECT_THAT(warnings, testing::IsEmpty());
  EXPECT_EQ(to_json(state), to_json(saved_));
}

TEST(DescribeModel, RefusesLabelsThatAreNames) {
  std::vector<std::string> names(ModelSpec::kMostLabels + 1);
  for (size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i);
  EXPECT_THROW(describe_model(small_config(), names), std::invalid_argument);
  names.pop_back();
  EXPECT_EQ(describe_model(small_config(), names).labels, names);
}

TEST_F(Resuming, RefusesAnotherList) {
  write_list("lamp");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("the list's SHA-256"), HasSubstr("labels"), HasSubstr("lamp")));
}

TEST_F(Resuming, TakesAnotherListWhenToldTo) {
  std::ofstream(list_) << "url,label\nb.png,table\nc.png,chair\nd.png,chair\n";
  EXPECT_THAT(refusal(), HasSubstr("--data.accept_list true"));
  config_.data.accept_list = true;
  std::vector<std::string> warnings;
  const Manifest newer(list_);
  RunState state = continue_run(saved_, config_, newer, false, warnings);
  const uint64_t position = saved_.clock.position();
  EXPECT_THAT(warnings, testing::ElementsAre(AllOf(HasSubstr(std::to_string(position)), HasSubstr("3 rows"))));
  const std::vector<ListSpan> spans{{0, manifest_.sha256()}, {position, newer.sha256()}};
  EXPECT_EQ(state.lists, spans);

  warnings.clear();
  config_.data.accept_list = false;
  state.clock.advance();
  state = run_state_from_json(nlohmann::json::parse(to_json(state).dump()));
  EXPECT_EQ(continue_run(state, config_, newer, false, warnings).lists, spans);
  EXPECT_THAT(warnings, testing::IsEmpty());

  write_list("lamp");  // other labels need another network, whatever is accepted
  config_.data.accept_list = true;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("labels"), testing::Not(HasSubstr("accept_list"))));
}

TEST_F(Resuming, LetsTheWeightsOfAMixChangeFromHereOn) {
  const auto weigh = [&](const std::string& text) {
    std::ofstream(folder_ / "all.mix") << text;
    config_.data.list = (folder_ / "all.mix").string();
  };
  const uint64_t position = saved_.clock.position();
  const std::string past = "1 list.csv\nat 3: 2\n", future = "at " + std::to_string(position) + ": 3\n";
  weigh(past + future);
  const RunState begun = begin_run(config_, manifest_, 1000);
  saved_.identity = begun.identity;
  for (const std::string& ending : {future, std::string(), std::string("at 1000000: 5\n")}) {
    weigh(past + ending);
    EXPECT_EQ(refusal(), "") << ending;
  }
  weigh("1 list.csv\n" + future);
  EXPECT_THAT(refusal(), HasSubstr("the mix's weights"));
  weigh("1 list.csv\nat 3: 1\n");
  EXPECT_THAT(refusal(), HasSubstr("the mix's weights"));
}

TEST_F(Resuming, RefusesAnotherModelSeedOrOrder) {
  const Config first = config_;
  config_.model.channels = 32;
  EXPECT_THAT(refusal(), HasSubstr("the model's channels was 64 and is 32 now"));
  config_ = first;
  config_.seed = 7;
  EXPECT_THAT(refusal(), HasSubstr("seed was 0 and is 7 now"));
  config_ = first;
  config_.data.seed = 9;
  EXPECT_THAT(refusal(), HasSubstr("data.seed"));
  config_ = first;
  config_.data.shuffle = Shuffle::kWindow;
  EXPECT_THAT(refusal(), HasSubstr("data.shuffle was full and is window now"));
  config_ = first;
  config_.data.held_out = 0.5;
  EXPECT_THAT(refusal(), HasSubstr("data.held_out"));
  config_ = first;
  config_.data.where = "label=chair";
  EXPECT_THAT(refusal(), HasSubstr("data.where"));
  config_ = first;
  EXPECT_EQ(refusal(), "");
}

TEST_F(Resuming, RefusesAnotherObjectiveAndItsOptions) {
  const Config first = config_;
  config_.model.objective = DenoisingObjective::kFlow;
  EXPECT_THAT(refusal(), HasSubstr("the model's objective was edm and is flow now"));
  config_ = first;
  config_.model.min_snr_gamma = 5;
  EXPECT_THAT(refusal(), HasSubstr("the model's min_snr_gamma was 0.0 and is 5.0 now"));
  config_ = first;
  config_.data.condition = Condition::kOutline;
  config_.model.condition_dropout = 0.5;
  const RunState conditioned = begin_run(config_, manifest_, 1000);
  EXPECT_EQ(describe_model(config_, {}).condition_dropout, 0.5);
  config_.model.condition_dropout = 0;
  saved_ = conditioned;
  EXPECT_THAT(refusal(), HasSubstr("the model's condition_dropout was 0.5 and is 0.0 now"));
}

TEST_F(Resuming, GoesOnWithARunThatIsOlderThanTheObjectives) {
  nlohmann::json old = to_json(saved_);
  for (const char* field : {"objective", "condition_dropout", "min_snr_gamma"}) {
    EXPECT_EQ(old["identity"].erase(std::string("the model's ") + field), 1U) << field;
    EXPECT_EQ(old["settings"].erase(std::string("model.") + field), 1U) << field;
  }
  saved_ = run_state_from_json(old);
  std::vector<std::string> warnings;
  continue_run(saved_, config_, manifest_, false, warnings);
  EXPECT_THAT(warnings, testing::IsEmpty());
  config_.model.objective = DenoisingObjective::kFlow;
  EXPECT_THAT(refusal(), HasSubstr("the model's objective was edm and is flow now"));
}

TEST_F(Resuming, RefusesDangerousChangesUntilTheyAreAccepted) {
  config_.train.learning_rate = 0.5;
  config_.data.flip = false;
  config_.data.connections = 3;
  EXPECT_THAT(refusal(false),
              AllOf(HasSubstr("data.flip (true before, false now), train.learning_rate (0.01 before, 0.5 now)"),
                    HasSubstr("from position 40 on by --accept-changes"), testing::Not(HasSubstr("data.connections"))));
  std::vector<std::string> warnings;
  RunState state = continue_run(saved_, config_, manifest_, true, warnings);
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("data.connections (32 before, 3 now)"),
                                             AllOf(HasSubstr("from position 40 on: data.flip (true before, false now), "
                                                             "train.learning_rate (0.01 before, 0.5 now)"),
                                                   HasSubstr("ends at position 120"))));
  const std::vector<Change> accepted{{40, "data.flip", "true", "false"}, {40, "train.learning_rate", "0.01", "0.5"}};
  EXPECT_EQ(state.changes, accepted);

  state.clock.advance();  // what was saved with them is what a later start compares with
  saved_ = run_state_from_json(nlohmann::json::parse(to_json(state).dump()));
  EXPECT_EQ(saved_.changes, accepted);
  EXPECT_EQ(refusal(false), "");
  config_.train.learning_rate = 0.01;
  EXPECT_THAT(refusal(false), HasSubstr("train.learning_rate (0.5 before, 0.01 now)"));
}

TEST_F(Resuming, TakesHarmlessChangesAndNamesThem) {
  config_.train.run_dir = "elsewhere";
  config_.train.checkpoint_every = 7;
  config_.train.keep_checkpoints = 1;
  config_.train.sample_every = 9;
  config_.train.log_losses = true;
  config_.data.memory *= 2;
  config_.data.cache = "cache";
  config_.data.get_timeout = 3;
  config_.data.max_failure_rate = 1;
  std::vector<std::string> warnings;
  EXPECT_TRUE(continue_run(saved_, config_, manifest_, false, warnings).changes.empty());
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("make no other numbers"));
  for (const char* setting :
       {"train.checkpoint_every", "train.keep_checkpoints", "train.sample_every", "train.log_losses", "data.memory",
        "data.cache", "data.get_timeout", "data.max_failure_rate"})
    EXPECT_THAT(warnings[0], HasSubstr(setting));
  EXPECT_THAT(warnings[0], testing::Not(HasSubstr("run_dir")));
}

TEST_F(Resuming, BeginsTheScaleAnewInAnotherPrecision) {
  saved_.scalers = {{"denoiser", {{"scale", 1.0}, {"good_steps", 0}}}};
  config_.train.precision = Precision::kFloat16;
  std::vector<std::string> warnings;
  EXPECT_TRUE(continue_run(saved_, config_, manifest_, true, warnings).scalers.empty());
}

TEST_F(Resuming, RefusesStatesWhosePartsDoNotFit) {
  const auto refusal_of = [&](const char* field, const nlohmann::json& value) {
    nlohmann::json state = to_json(saved_);
    state[field] = value;
    try {
      run_state_from_json(state);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refusal_of("overflows", 3), "");
  EXPECT_THAT(refusal_of("lists", nlohmann::json::array()), HasSubstr("names no list"));
  EXPECT_THAT(refusal_of("settings", 5), HasSubstr("no object"));
  EXPECT_THAT(refusal_of("averaged", {{"denoiser", {1'000'000'000, 0}}}), HasSubstr("beyond its position"));
}

TEST_F(Resuming, TakesWhatNobodyThoughtOfForDangerous) {
  saved_.settings["train.gone"] = "5";
  saved_.settings.erase("train.clip");
  EXPECT_THAT(refusal(false), HasSubstr("train.clip (nothing before, 1 now), train.gone (5 before, nothing now)"));
}

TEST_F(Resuming, TakesWhatIsAskedForByNameForAChange) {
  config_.train.threads = 2;
  config_.train.precision = Precision::kBfloat16;
  EXPECT_THAT(refusal(false),
              HasSubstr("train.threads (1 before, 2 now), train.precision (float32 before, bfloat16 now)"));
  std::vector<std::string> warnings;
  const Choices choices = continue_run(saved_, config_, manifest_, true, warnings).choices;
  EXPECT_EQ(choices.threads, 2);
  EXPECT_EQ(choices.precision.dtype, torch::kBFloat16);
}

TEST_F(Resuming, EndsWhereTheEpochsNowEnd) {
  std::vector<std::string> warnings;
  config_.train.epochs = 100;
  EXPECT_THAT(refusal(false), HasSubstr("train.epochs (3 before, 100 now)"));
  EXPECT_EQ(continue_run(saved_, config_, manifest_, true, warnings).clock.total(), 4000U);
  config_.train.batch_size = 8;  // 990 steps are left, and the 10 that are done took 40 positions
  EXPECT_EQ(continue_run(saved_, config_, manifest_, true, warnings).clock.total(), 40U + 990 * 8);
  config_.train.epochs = 1;
  config_.train.steps_per_epoch = 5;
  EXPECT_EQ(continue_run(saved_, config_, manifest_, true, warnings).clock.total(), 40U) << "it is there already";
}

TEST_F(Resuming, StartsASegmentForAnotherBatchSize) {
  config_.train.batch_size = 8;
  std::vector<std::string> warnings;
  const RunState state = continue_run(saved_, config_, manifest_, true, warnings);
  EXPECT_EQ(state.clock.segments(), (std::vector<Segment>{{0, 0, 4}, {40, 10, 8}}));
  EXPECT_EQ(state.clock.total(), 120U) << "the length of a run is counted in samples";
}

TEST_F(Resuming, KeepsTheNewestChanges) {
  config_.train.clip = 9;
  saved_.changes.assign(kMostChanges, {7, "train.clip", "1", "2"});
  std::vector<std::string> warnings;
  const RunState state = continue_run(saved_, config_, manifest_, true, warnings);
  EXPECT_EQ(state.changes.size(), kMostChanges);
  EXPECT_EQ(state.changes.back(), (Change{40, "train.clip", "1", "9"}));
}

TEST_F(Resuming, KeepsWhatAutoChose) {
  saved_.choices.precision = {torch::kBFloat16, "measured long ago"};
  saved_.choices.threads = 3;
  saved_.choices.window = 77;
  config_.train.precision = Precision::kAuto;
  config_.train.threads = 0;
  config_.train.device = Device::kAuto;
  std::vector<std::string> warnings;
  const Choices choices = continue_run(saved_, config_, manifest_, false, warnings).choices;
  EXPECT_EQ(choices.precision.dtype, torch::kBFloat16);
  EXPECT_EQ(choices.precision.why, "measured long ago");
  EXPECT_EQ(choices.threads, 3);
  EXPECT_EQ(choices.window, 77U);
  EXPECT_EQ(at::get_num_threads(), 3);
  EXPECT_THAT(warnings, testing::IsEmpty());
}

TEST_F(Resuming, NamesWhatIsNoLongerTheSameBitForBit) {
  config_.train.device = Device::kAuto;
  saved_.choices.device = torch::kCUDA;
  saved_.choices.arithmetic = "an older machine";
  std::vector<std::string> warnings;
  const Choices choices = continue_run(saved_, config_, manifest_, false, warnings).choices;
  if (choices.device.is_cpu()) {
    EXPECT_THAT(warnings,
                testing::ElementsAre(HasSubstr("train.device was cuda and is cpu now"), HasSubstr("an older machine")));
  }
  EXPECT_EQ(choices.arithmetic, arithmetic_name());
}

TEST_F(Resuming, SaysThatACheckpointIsOfAnOlderVersion) {
  saved_.identity.erase("data.fit");
  EXPECT_THAT(refusal(), HasSubstr("saved by an older version of Atelier, which did not keep data.fit"));
  auto old = to_json(saved_);
  old.erase("skips_in_a_row");
  try {
    run_state_from_json(old);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("older version of Atelier and lacks what this one needs"));
    EXPECT_THAT(error.what(), HasSubstr("skips_in_a_row"));
  }
}

TEST_F(Resuming, RefusesAStateThatCannotBeRead) {
  const auto good = to_json(saved_);
  for (const char* key :
       {"identity", "choices", "settings", "scalers", "averaged", "skipped", "segments", "position"}) {
    auto bad = good;
    bad.erase(key);
    EXPECT_THROW(run_state_from_json(bad), std::invalid_argument) << key;
  }
  auto bad = good;
  bad["choices"]["device"] = "abacus";
  EXPECT_THROW(run_state_from_json(bad), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
