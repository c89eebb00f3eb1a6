#include "data/saved_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/data/stream_fixture.h"

// A stream that goes on from text: what it must give, and what it must refuse.

namespace atelier::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class SavedStream : public StreamTest {
 protected:
  std::string saved_after(int batches) {
    Stream stream(config_, plan(), web_.source());
    for (int i = 0; i < batches; ++i) stream.next();
    return save_stream(config_, stream.plan(), stream.state());
  }
  /// What resume_stream says to `saved`; "" when it takes it.
  std::string complaint(const std::string& saved) const {
    try {
      resume_stream(config_, plan(), saved);
      return "";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  }

  FakeWeb web_{flawed};
};

TEST_F(SavedStream, GoesOnAsIfItHadNeverStopped) {
  const auto whole = read(web_, 12);
  auto samples = read(web_, 5);
  const std::string saved = saved_after(5);
  config_.train.batch_size = 4;  // which moves nobody
  const StreamPlan rest = resume_stream(config_, plan(), saved);
  for (const Sample& sample : read(web_, 14, rest)) samples.push_back(sample);
  EXPECT_EQ(samples, whole);
  EXPECT_FALSE(rest.start.verdicts.all().empty());
}

TEST_F(SavedStream, KeepsTheWindowThatItBeganWith) {
  config_.data.shuffle = Shuffle::kWindow;
  const std::string saved = saved_after(1);
  config_.train.batch_size = 500;
  EXPECT_NE(plan().order.window, resume_stream(config_, plan(), saved).order.window);
}

TEST_F(SavedStream, RefusesWhatWouldDrawOtherwise) {
  const std::string saved = saved_after(2);
  EXPECT_EQ(complaint(saved), "");
  config_.data.flip = false;
  config_.data.image_size = 32;
  EXPECT_EQ(complaint(saved), "") << "settings of pictures may change";
  config_.seed = 12;
  EXPECT_EQ(complaint(saved), "this state is of a stream with seed 11, not 12; make the stream as it was");
  config_.seed = 11;
  config_.data.held_out = 0.3;
  EXPECT_THAT(complaint(saved), HasSubstr("data.held_out"));
  config_.data.held_out = 0;
  config_.data.shuffle = Shuffle::kNone;
  EXPECT_THAT(complaint(saved), HasSubstr("data.shuffle"));
  config_.data.shuffle = Shuffle::kFull;
  config_.data.fit = Fit::kPad;
  EXPECT_THAT(complaint(saved), HasSubstr("data.fit \"crop\", not \"pad\""));
  config_.data.fit = Fit::kCrop;
  config_.data.resample = Resample::kLanczos;
  EXPECT_THAT(complaint(saved), HasSubstr("data.resample"));
}

TEST_F(SavedStream, GoesOnWithAnotherListOnlyWhenTold) {
  const std::string saved = saved_after(3);
  use_rows(40);
  EXPECT_THAT(complaint(saved), HasSubstr("another list"));
  config_.data.accept_list = true;
  const StreamPlan rest = resume_stream(config_, plan(), saved);
  EXPECT_EQ(rest.origin, 24u);
  EXPECT_EQ(rest.start.position, 24u);
  config_.seed = 12;
  EXPECT_THAT(complaint(saved), HasSubstr("seed 11, not 12")) << "the list alone may be another";
}

TEST_F(SavedStream, RefusesTextThatNobodySaved) {
  const json good = json::parse(saved_after(2));
  for (const std::string text : {"", "{", "[]", "null", "{}", "{\"version\":2}"})
    EXPECT_THAT(complaint(text), HasSubstr("saved state")) << text;
  const auto with = [&](const std::string& key, const json& value) {
    json bad = good;
    bad[key] = value;
    return complaint(bad.dump());
  };
  EXPECT_THAT(with("version", 3), HasSubstr("version 3"));
  EXPECT_THAT(with("position", -1), HasSubstr("position cannot be -1"));
  EXPECT_THAT(with("position", 1e300), HasSubstr("position cannot be"));
  EXPECT_THAT(with("window", 0), HasSubstr("window cannot be 0"));
  EXPECT_THAT(with("block", 0), HasSubstr("block cannot be 0"));
  EXPECT_THAT(with("block", 1 << 20), HasSubstr("block cannot be 1048576"));
  EXPECT_THAT(with("origin", 17), HasSubstr("origin cannot be 17")) << "later than the position";
  EXPECT_THAT(with("verdicts", "x"), HasSubstr("line 1"));
  EXPECT_THAT(with("verdicts", json::array()), HasSubstr("saved state"));
  EXPECT_THAT(with("identity", 3), HasSubstr("saved state"));
}

TEST_F(SavedStream, OpensFromSettingsAloneAndFromWhatWasSaved) {
  std::string list;
  for (uint64_t row = 0; row < 20; ++row) {
    const auto bytes = picture(row);
    std::ofstream(folder_ / (std::to_string(row) + ".png"), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    list += "{\"url\":\"" + std::to_string(row) + ".png\"}\n";
  }
  use_list(list);
  std::vector<Sample> whole, parts;
  Stream stream(config_);
  for (int i = 0; i < 6; ++i) append(whole, stream.next());
  std::string saved;
  for (int i = 0; i < 6; ++i) {
    Stream leg(config_, saved);
    append(parts, leg.next());
    saved = save_stream(config_, leg.plan(), leg.state());
  }
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(stream.plan().order.entries, 20u);
}

}  // namespace
}  // namespace atelier::test
