#include "train/run_state.h"

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
  std::string refusal() {
    std::vector<std::string> warnings;
    try {
      continue_run(saved_, config_, Manifest(list_), warnings);
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
  const RunState state = continue_run(saved_, config_, manifest_, warnings);
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
  RunState state = continue_run(saved_, config_, newer, warnings);
  const uint64_t position = saved_.clock.position();
  EXPECT_THAT(warnings, testing::ElementsAre(AllOf(HasSubstr(std::to_string(position)), HasSubstr("3 rows"))));
  const std::vector<ListSpan> spans{{0, manifest_.sha256()}, {position, newer.sha256()}};
  EXPECT_EQ(state.lists, spans);

  warnings.clear();
  config_.data.accept_list = false;
  state.clock.advance();
  state = run_state_from_json(nlohmann::json::parse(to_json(state).dump()));
  EXPECT_EQ(continue_run(state, config_, newer, warnings).lists, spans);
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

TEST_F(Resuming, NamesOtherSettingsAndTakesThem) {
  config_.train.learning_rate = 0.5;
  config_.train.epochs = 100;
  config_.data.connections = 3;
  std::vector<std::string> warnings;
  const RunState state = continue_run(saved_, config_, manifest_, warnings);
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], AllOf(HasSubstr("train.learning_rate (0.01 before, 0.5 now)"), HasSubstr("train.epochs"),
                                 testing::Not(HasSubstr("data.connections"))));
  EXPECT_THAT(warnings[1], HasSubstr("4000"));
  EXPECT_EQ(state.clock.total(), 120U) << "the total of a run is frozen at its first start";
}

TEST_F(Resuming, StartsASegmentForAnotherBatchSize) {
  config_.train.batch_size = 8;
  std::vector<std::string> warnings;
  const RunState state = continue_run(saved_, config_, manifest_, warnings);
  EXPECT_EQ(state.clock.segments(), (std::vector<Segment>{{0, 0, 4}, {40, 10, 8}}));
}

TEST_F(Resuming, KeepsWhatAutoChose) {
  saved_.choices.precision = {torch::kBFloat16, "measured long ago"};
  saved_.choices.threads = 3;
  saved_.choices.window = 77;
  config_.train.precision = Precision::kAuto;
  config_.train.threads = 0;
  config_.train.device = Device::kAuto;
  std::vector<std::string> warnings;
  const Choices choices = continue_run(saved_, config_, manifest_, warnings).choices;
  EXPECT_EQ(choices.precision.dtype, torch::kBFloat16);
  EXPECT_EQ(choices.precision.why, "measured long ago");
  EXPECT_EQ(choices.threads, 3);
  EXPECT_EQ(choices.window, 77U);
  EXPECT_EQ(at::get_num_threads(), 3);
  EXPECT_THAT(warnings, testing::IsEmpty());
}

TEST_F(Resuming, NamesWhatIsNoLongerTheSameBitForBit) {
  saved_.choices.precision = {torch::kBFloat16, "measured"};
  saved_.choices.threads = 2;
  saved_.choices.arithmetic = "an older machine";
  std::vector<std::string> warnings;
  const Choices choices = continue_run(saved_, config_, manifest_, warnings).choices;
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("train.threads was 2 and is 1 now"),
                                             HasSubstr("train.precision was bfloat16 and is float32 now"),
                                             HasSubstr("an older machine")));
  EXPECT_EQ(choices.threads, 1);
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
