#include "data/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace atelier {
namespace {

using ::testing::HasSubstr;

BenchStage stage(uint64_t images, double seconds, double cpu_seconds) {
  BenchStage stage{.images = images, .seconds = seconds, .cpu_seconds = cpu_seconds, .item = {}};
  stage.item.add(seconds / static_cast<double>(images));
  return stage;
}

/// Costs of an image: fetch 0.1 ms, decode 1 ms, the rest 0.02 ms.
BenchResult two_cores() {
  return {.list = stage(1'000'000, 1, 1),
          .fetch = stage(10'000, 1, 1),
          .decode_one = stage(1'000, 1, 1),
          .decode_all = stage(2'000, 1, 2),
          .stream = stage(1'785, 1, 1.785 * 1.12),
          .threads = 2,
          .rows = 20'000};
}

TEST(BenchModel, TheSlowestStageIsTheLimitOfThisMachine) {
  const BenchModel model = model_of(two_cores());
  EXPECT_EQ(model.limit, "decode");
  EXPECT_DOUBLE_EQ(model.best, 2'000);
  EXPECT_DOUBLE_EQ(model.threads, 10);
  EXPECT_FALSE(model.network_idles);
  BenchResult slow = two_cores();
  slow.list = stage(100, 1, 1);
  EXPECT_EQ(model_of(slow).limit, "list");
}

TEST(BenchModel, MoreCoresHelpUntilOneLoopIsTheLimit) {
  const auto forecasts = model_of(two_cores()).forecasts;
  ASSERT_EQ(forecasts.size(), 7u);
  EXPECT_NEAR(forecasts[0].per_second, 1 / 1.12e-3, 1);
  EXPECT_NEAR(forecasts[3].per_second, 8 / 1.12e-3, 1);
  EXPECT_EQ(forecasts[3].cores, 8);
  EXPECT_EQ(forecasts[3].limit, "cores");
  for (size_t i = 4; i < 7; ++i) {
    EXPECT_NEAR(forecasts[i].per_second, 10'000, 1);
    EXPECT_EQ(forecasts[i].limit, "one libcurl loop");
  }
}

TEST(BenchModel, ASlowNetworkIsALimitAndSoIsTheStreamsOwnThread) {
  BenchResult slow = two_cores();
  slow.fetch = stage(500, 1, 0.05);
  EXPECT_TRUE(model_of(slow).network_idles);
  EXPECT_EQ(model_of(slow).limit, "fetch");
  EXPECT_THAT(bench_text(slow), HasSubstr("fetch took 5% of a core: "));
  EXPECT_EQ(model_of(slow).forecasts[0].limit, "network");
  EXPECT_DOUBLE_EQ(model_of(slow).forecasts[6].per_second, 500);
  BenchResult heavy = two_cores();
  heavy.stream = stage(1'000, 1, 1.1 + 0.5);  // half a millisecond of an image's cost is in neither fetch nor decode
  EXPECT_EQ(model_of(heavy).forecasts[6].limit, "one stream thread");
  EXPECT_NEAR(model_of(heavy).forecasts[6].per_second, 2'000, 1);
}

TEST(BenchModel, IsToldAsATableAndAsJson) {
  const std::string text = bench_text(two_cores());
  EXPECT_THAT(text, HasSubstr("fetch                     10000         0.100      100 us      100 us\n"));
  EXPECT_THAT(text,
              HasSubstr("the slowest stage is decode: at best 2000 images/s; the whole stream reaches 89% of that\n"));
  EXPECT_THAT(text, HasSubstr("decoding on 10.0 threads would give what fetch gives\n"));
  EXPECT_THAT(text, HasSubstr("  16 cores     10000 images/s, limited by one libcurl loop\n"));
  const auto json = nlohmann::json::parse(bench_json(two_cores()));
  EXPECT_EQ(json["fetch"]["images_per_second"], 10'000);
  EXPECT_DOUBLE_EQ(json["decode_one"]["cpu_seconds_per_1000"], 1);
  EXPECT_EQ(json["forecasts"][4]["limit"], "one libcurl loop");
}

}  // namespace
}  // namespace atelier
