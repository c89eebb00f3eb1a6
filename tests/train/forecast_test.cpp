#include "train/forecast.h"

#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/train/fixtures.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr uint64_t kPlenty = 1'000'000'000'000;

/// 100 epochs of 50 steps of 32 samples on a GPU; a step takes 0.1 s, and the stream gives 640 images/s.
Forecast forecast_of_a_run() {
  Forecast forecast{.config = {}, .clock = Clock(32, uint64_t{100} * 50 * 32)};
  forecast.config.data.list = "chairs.jsonl";
  forecast.config.train.steps_per_epoch = 50;
  forecast.config.train.epochs = 100;
  forecast.config.train.sample_every = 30;
  forecast.choices.device = torch::Device("cuda:0");
  forecast.rows = 1'000'000;
  forecast.to_begin = forecast.to_end = {.needed = 1'000, .free = kPlenty};
  forecast.probe.emplace();
  forecast.probe->rows = 1'000'000;
  forecast.probe->planned = forecast.probe->asked = 1'000;
  forecast.probe->alive = 900;
  forecast.probe->bytes = 900'000;
  forecast.probe->failures[static_cast<size_t>(Fault::kHttpStatus)] = 100;
  forecast.stream = StreamTrial{.images_per_second = 640};
  forecast.steps = StepTrial{.frame = {64, 64}, .steps = 5, .seconds = 0.1, .held_out = 2, .grid = 10};
  return forecast;
}

TEST(Forecast, AddsUpTheStepsAndWhatComesAtTheEndsOfEpochs) {
  const Forecast forecast = forecast_of_a_run();
  const TimeToGo time = time_to_go(forecast);
  EXPECT_DOUBLE_EQ(time.steps, 5'000 * 0.1);
  EXPECT_DOUBLE_EQ(time.held_out, 100 * 2);
  EXPECT_DOUBLE_EQ(time.grids, 4 * 10) << "after epochs 30, 60, 90 and at the end";
  EXPECT_THAT(headline_of(forecast),
              AllOf(HasSubstr("12 minutes"), HasSubstr("Compute is the limit"),
                    HasSubstr("takes 320 images/s, the stream could give 640"), testing::Not(HasSubstr("a GPU"))));
}

TEST(Forecast, CountsFromWhereTheRunStands) {
  Clock clock(4, 4 * 20);
  for (int step = 0; step < 7; ++step) clock.advance();
  EXPECT_EQ(clock.steps_left(), 13U);
  EXPECT_EQ(times_to_come(clock, 5, 1), 3U) << "steps 10, 15, 20";
  EXPECT_EQ(times_to_come(clock, 3, 2), 3U) << "steps 12, 18, and 20, the last";
  clock.change_batch(6);
  EXPECT_EQ(clock.steps_left(), 9U) << "52 samples";
  for (int step = 0; step < 9; ++step) clock.advance();
  EXPECT_EQ(clock.steps_left(), 0U);
  EXPECT_EQ(times_to_come(clock, 5, 1), 0U);
}

TEST(Forecast, WaitsForDataThatIsSlower) {
  Forecast forecast = forecast_of_a_run();
  forecast.stream->images_per_second = 80;
  forecast.stream->report.limit.stage = "network";
  const Pace pace = pace_of(forecast);
  EXPECT_TRUE(pace.data_limits());
  EXPECT_DOUBLE_EQ(pace.step(), 0.4);
  EXPECT_DOUBLE_EQ(pace.waiting(), 0.75);
  EXPECT_DOUBLE_EQ(time_to_go(forecast).steps, 5'000 * 0.4);
  EXPECT_THAT(headline_of(forecast), AllOf(HasSubstr("Data is the limit"), HasSubstr("75 %"), HasSubstr("data.cache")));
  forecast.stream->report.limit.stage = "decode";
  EXPECT_THAT(headline_of(forecast), HasSubstr("--shrink"));
}

TEST(Forecast, SharesTheCoresOfACpuWithDecoding) {
  Forecast forecast = forecast_of_a_run();
  for (int image = 0; image < 10; ++image) forecast.stream->report.decode.item.add(0.02);
  EXPECT_DOUBLE_EQ(pace_of(forecast).compute, 0.1);
  forecast.choices.device = torch::kCPU;
  EXPECT_DOUBLE_EQ(pace_of(forecast).compute, 0.1 + 32 * 0.02 / std::thread::hardware_concurrency());
}

TEST(Forecast, TakesTheBytesOfAnImageFromWhoTellsThem) {
  Forecast forecast = forecast_of_a_run();
  EXPECT_EQ(bytes_per_image(forecast), 1'000);
  forecast.probe->without_length = 900;
  EXPECT_EQ(bytes_per_image(forecast), std::nullopt);
  forecast.stream->report.decode.bytes = 30'000;
  for (int image = 0; image < 10; ++image) forecast.stream->report.decode.item.add(0.001);
  EXPECT_EQ(bytes_per_image(forecast), 3'000);
  forecast.probe->without_length = 0;
  forecast.config.data.condition = Condition::kFile;
  EXPECT_EQ(bytes_per_image(forecast), 3'000) << "the probe asks for no input image";
}

TEST(Forecast, SaysWhyARunCannotWork) {
  EXPECT_EQ(reason_against(forecast_of_a_run()), std::nullopt);
  const auto reason_when = [](const std::function<void(Forecast&)>& spoil) {
    Forecast forecast = forecast_of_a_run();
    spoil(forecast);
    const auto reason = reason_against(forecast);
    EXPECT_EQ(forecast_json(forecast)["works"], !reason);
    return reason.value_or("it can");
  };
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.to_begin.free = 999; }),
              HasSubstr("no room for two more checkpoints"));
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.to_end = {.needed = 5'000'000'000, .free = 2'000'000}; }),
              AllOf(HasSubstr("full before the run has ended"), HasSubstr("5 GB"), HasSubstr("2 MB")));
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.probe->asked = 0; }), HasSubstr("Nothing answered"));
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.probe->alive = 0; }), HasSubstr("None of the 1,000 rows"));
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.probe->alive = 499; }),
              AllOf(HasSubstr("50.1 %"), HasSubstr("data.max_failure_rate")));
  EXPECT_EQ(reason_when([](Forecast& forecast) { forecast.probe->alive = 500; }), "it can");
  EXPECT_EQ(reason_when([](Forecast& forecast) {
              forecast.probe->asked = 99;
              forecast.probe->alive = 1;
            }),
            "it can")
      << "a run is not judged by so few either";
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.stream->end = "every entry has failed"; }),
              HasSubstr("every entry has failed"));
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.steps->end = "does not fit"; }), HasSubstr("not fit"));
  EXPECT_THAT(reason_when([](Forecast& forecast) { forecast.steps->faults = 6; }), HasSubstr("not finite in any step"));
  EXPECT_EQ(reason_when([](Forecast& forecast) { forecast.steps->faults = 5; }), "it can");
  EXPECT_THAT(reason_when([](Forecast& forecast) {
                forecast.memory = {{"the machine", 9'000, 8'000}};
              }),
              HasSubstr("9 kB of the memory of the machine, which has 8 kB"));
}

TEST(Forecast, WarnsOfACacheThatFillsItsDisk) {
  Forecast forecast = forecast_of_a_run();
  forecast.config.data.cache = "/scratch";
  forecast.cache_free = 899'000'000;
  EXPECT_THAT(warnings_of(forecast), testing::ElementsAre(AllOf(HasSubstr("900 MB"), HasSubstr("899 MB"))));
  forecast.cache_free = 901'000'000;
  EXPECT_TRUE(warnings_of(forecast).empty());
}

TEST(Forecast, TellsAnOutageFromADeadList) {
  ProbeReport report;
  report.asked = 10;
  report.failures[static_cast<size_t>(Fault::kDns)] = 4;
  report.failures[static_cast<size_t>(Fault::kConnect)] = 6;
  EXPECT_TRUE(is_outage(report));
  report.failures[static_cast<size_t>(Fault::kConnect)] = 5;
  report.failures[static_cast<size_t>(Fault::kHttpStatus)] = 1;
  EXPECT_FALSE(is_outage(report));
}

TEST(RoomToTheEnd, HoldsWhatStaysAndWhatIsBeingWritten) {
  const TemporaryFolder folder;
  constexpr uint64_t kBytes = 1'000'000;
  const Clock start(4, 4 * 100);
  const auto needed = [&](const Clock& clock, const Keep& keep, uint64_t saves) {
    return room_to_end(folder / "run", clock, keep, saves, kBytes, 7).needed;
  };
  EXPECT_EQ(needed(start, {.newest = 3}, 10), 4 * kBytes + 7) << "three, and one while it is written";
  EXPECT_EQ(needed(start, {.newest = 3}, 2), 2 * kBytes + 7) << "there are no more";
  EXPECT_EQ(needed(start, {.newest = 1, .every = 30}, 10), 5 * kBytes + 7) << "30, 60 and 90 for good";
  EXPECT_FALSE(fs::exists(folder / "run"));
  EXPECT_GT(room_to_end(folder / "run/of/tomorrow", start, {}, 1, 1, 1).free, 0U);
}

TEST(RoomToTheEnd, CountsWhatThoseThatGoLeave) {
  const TemporaryFolder folder;
  save_checkpoint(folder.path(), 40, snapshot_at(40));
  Clock clock(4, 400);
  while (clock.position() < 40) clock.advance();
  const uint64_t needed = room_to_end(folder.path(), clock, {.newest = 1}, 10, 1'000'000, 0).needed;
  uint64_t bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder.path()))
    if (file.is_regular_file()) bytes += file.file_size();
  EXPECT_EQ(needed, 2'000'000 - bytes);
}

TEST(FittedExamples, AreRepeatedAndStretched) {
  Examples examples = examples_at(8, 2);  // 2 x 2 pixels
  examples.labels = torch::tensor({int64_t{5}, int64_t{6}});
  const Examples fit = fitted(examples, 3, {4, 2});
  EXPECT_EQ(fit.images.sizes(), (std::vector<int64_t>{3, 3, 2, 4}));
  EXPECT_TRUE(torch::equal(fit.images[2], fit.images[0]));
  EXPECT_TRUE(torch::equal(fit.images[0].slice(2, 0, 4, 2), examples.images[0]));
  EXPECT_TRUE(torch::equal(fit.images[0].slice(2, 1, 4, 2), examples.images[0]));
  EXPECT_EQ(fit.positions, (std::vector<uint64_t>{8, 9, 10}));
  EXPECT_TRUE(torch::equal(fit.labels, torch::tensor({int64_t{5}, int64_t{6}, int64_t{5}})));
}

}  // namespace
}  // namespace atelier
