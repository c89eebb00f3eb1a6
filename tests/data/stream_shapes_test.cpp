#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>

#include "data/open_source.h"
#include "data/saved_stream.h"
#include "data/shapes.h"
#include "tests/data/stream_fixture.h"

// Streams of several shapes: what stands in a batch, and how runs go on.

namespace atelier::test {
namespace {

using ::testing::HasSubstr;

/// Rows of four shapes, of no size, and of a shape that too few have. Every third is a chair, the rest tables.
class StreamShapes : public StreamTest {
 protected:
  static constexpr uint64_t kAll = 220;
  static constexpr Size kFrames[] = {{24, 48}, {24, 40}, {32, 32}, {40, 24}, {48, 24}};

  StreamShapes() {
    config_.data.image_size = 32;
    config_.data.shapes = Shapes::kBuckets;
    std::string text;
    for (uint64_t row = 0; row < kAll; ++row) text += line(row);
    use_list(text);
  }

  /// The shape that a row must have, told another way than by its size.
  static size_t shape_of(uint64_t row) {
    if (row % 44 < 10) return 4;  // 50 of 2:1
    if (row % 44 < 24) return 3;  // 70 of 3:2
    if (row % 44 < 36) return 2;  // 60 squares, half of them of no size
    return 1;                     // 35 of 3:4, and 5 of 1:3, which so few are
  }
  static std::string line(uint64_t row) {
    static const std::map<size_t, std::string> kSizes = {{4, "1000,\"height\":510"}, {3, "900,\"height\":\"600\""}};
    const size_t shape = shape_of(row);
    std::string size = ",\"width\":";
    if (shape > 2) size += kSizes.at(shape);
    if (shape == 2) size = row % 2 == 0 ? "" : size + "500,\"height\":520";
    if (shape == 1) size += row % 44 == 43 ? "300,\"height\":900" : "750,\"height\":1000";
    return "{\"url\":\"" + url(row) + "\",\"label\":\"" + (row % 3 == 0 ? "chair" : "table") + "\"" + size + "}\n";
  }
  static std::map<size_t, uint64_t> rows_of_shapes() {
    std::map<size_t, uint64_t> counts;
    for (uint64_t row = 0; row < kAll; ++row) ++counts[shape_of(row)];
    return counts;
  }

  /// The shape of each of the next batches; a failed expectation where its samples are of another.
  std::vector<size_t> shapes_of_batches(Stream& stream, int batches, std::vector<int64_t>* entries = nullptr) const {
    std::vector<size_t> shapes;
    for (int i = 0; i < batches; ++i) {
      const Batch batch = stream.next();
      const auto* const frame = std::ranges::find(kFrames, Size{batch.width, batch.height});
      shapes.push_back(static_cast<size_t>(frame - std::begin(kFrames)));
      for (const int64_t entry : batch.entries) EXPECT_EQ(shape_of(static_cast<uint64_t>(entry)), shapes.back());
      if (entries) entries->insert(entries->end(), batch.entries.begin(), batch.entries.end());
    }
    return shapes;
  }
  std::string refusal(const std::string& saved) const {
    try {
      resume_stream(config_, plan(), saved);
      return "accepted";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  }
  std::string saved_after(FakeWeb& web, int batches, const std::string& saved = {}) const {
    Stream stream(config_, saved.empty() ? plan() : resume_stream(config_, plan(), saved), web.source());
    for (int i = 0; i < batches; ++i) stream.next();
    return save_stream(config_, stream.plan(), stream.state());
  }

  FakeWeb web_{[](const std::string& address, int) { return found(address); }};
};

TEST_F(StreamShapes, EveryBatchHasOneShapeAndEachItsShareAndItsPasses) {
  Stream stream(config_, plan(), web_.source());
  std::vector<int64_t> entries;
  const std::vector<size_t> shapes = shapes_of_batches(stream, 110, &entries);  // four passes
  std::map<size_t, double> blocks;
  for (size_t i = 0; i < shapes.size(); ++i) {
    ++blocks[shapes[i]];
    for (const auto& [shape, rows] : rows_of_shapes())
      EXPECT_LT(std::abs(blocks[shape] - static_cast<double>((i + 1) * rows) / kAll), 1) << i << ", shape " << shape;
  }
  std::map<size_t, std::vector<int64_t>> drawn;
  for (const int64_t entry : entries) drawn[shape_of(static_cast<uint64_t>(entry))].push_back(entry);
  for (const auto& [shape, rows] : rows_of_shapes()) {
    for (size_t begin = 0; begin + rows <= drawn[shape].size(); begin += rows) {
      const auto from = drawn[shape].begin() + static_cast<std::ptrdiff_t>(begin);
      EXPECT_EQ(std::set<int64_t>(from, from + static_cast<std::ptrdiff_t>(rows)).size(), rows);
    }
    EXPECT_GE(drawn[shape].size(), 3 * rows);
  }
}

TEST_F(StreamShapes, PixelsAndConditionsAreThoseOfTheFrameAlone) {
  config_.data.condition = Condition::kOutline;
  config_.data.flip = false;
  config_.data.brightness = 0;
  Stream stream(config_, plan(), web_.source());
  std::set<size_t> seen;
  for (int i = 0; i < 12; ++i) {
    const Batch batch = stream.next();
    const Size size{batch.width, batch.height};
    const auto plane = static_cast<size_t>(size.width * size.height);
    for (size_t n = 0; n < 8; ++n) {
      const auto row = static_cast<uint64_t>(batch.entries[n]);
      std::vector<uint8_t> expected(3 * plane);
      ASSERT_FALSE(decode_framed(picture(row), {.size = size}, {}, expected));
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batch.images + n * 3 * plane)) << row;
      const Outline lines = outline(from_planes(expected, size.width, size.height));
      EXPECT_TRUE(std::equal(lines.pixels.begin(), lines.pixels.end(), batch.conditions + n * plane)) << row;
    }
    seen.insert(plane * 1000 + static_cast<size_t>(size.width));
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(StreamShapes, AnyNumberOfProcessesGetsTheSameSamples) {
  const auto whole = read(web_, 20);
  for (const uint64_t world : {2, 4}) {
    std::map<int64_t, Sample> all;
    for (uint64_t rank = 0; rank < world; ++rank) {
      StreamPlan own = plan();
      own.rank = rank;
      own.world = world;
      for (const Sample& sample : read(web_, 20, own)) all.emplace(sample.position, sample);
    }
    ASSERT_EQ(all.size(), whole.size());
    for (const Sample& sample : whole) EXPECT_EQ(all.at(sample.position), sample) << world;
  }
}

TEST_F(StreamShapes, GoesOnAsIfItHadNeverStoppedAndInSmallerBatches) {
  FakeWeb web(flawed);
  const auto whole = read(web, 20);
  auto samples = read(web, 5);
  const std::string saved = saved_after(web, 5);
  config_.train.batch_size = 4;
  const StreamPlan rest = resume_stream(config_, plan(), saved);
  EXPECT_EQ(rest.block, 8u);
  for (const Sample& sample : read(web, 30, rest)) samples.push_back(sample);
  EXPECT_EQ(samples, whole);
}

TEST_F(StreamShapes, RefusesBatchesOfTwoShapes) {
  const std::string saved = saved_after(web_, 3);
  for (const int batch : {3, 6, 16}) {
    config_.train.batch_size = batch;
    EXPECT_THAT(refusal(saved), HasSubstr("a batch of " + std::to_string(batch) + " does not divide the 8 positions"));
  }
  config_.train.batch_size = 2;
  EXPECT_EQ(refusal(saved), "accepted");
  Stream stream(config_, resume_stream(config_, plan(), saved), web_.source());
  stream.next();
  const std::string inside = save_stream(config_, stream.plan(), stream.state());
  config_.train.batch_size = 4;
  EXPECT_EQ(refusal(inside),
            "a batch of 4 from position 26 on would have two shapes, which change every 8 positions; go on with a "
            "train.batch_size that divides 2");
  config_.train.batch_size = 8;
  StreamPlan late = plan();
  late.start.position = 12;
  EXPECT_THROW(Stream(config_, late, web_.source()), std::invalid_argument);
  config_.data.shapes = Shapes::kSquare;
  EXPECT_THAT(refusal(saved), HasSubstr("data.shapes"));
}

TEST_F(StreamShapes, ASubstituteHasTheShapeOfItsBatch) {
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) % 4 == 1) return not_found();
    return found(address);
  });
  Stream stream(config_, plan(), web.source());
  shapes_of_batches(stream, 40);
  EXPECT_GT(stream.report().substituted, 20u);
}

TEST_F(StreamShapes, GoTogetherWithAMixAndBalancedLabels) {
  std::string squares;
  for (uint64_t row = 300; row < 340; ++row) squares += "{\"url\":\"" + url(row) + "\",\"label\":\"lamp\"}\n";
  std::ofstream(folder_ / "squares.jsonl") << squares;
  std::ofstream(folder_ / "all.mix") << "3 list.jsonl\n1 squares.jsonl\nat 801: 1 0\n";
  config_.data.list = (folder_ / "all.mix").string();
  config_.data.balance = Balance::kLabel;
  manifest_ = open_list(config_.data, {});
  Stream stream(config_, plan(), web_.source());
  std::map<std::string, int> labels;
  std::map<int, int> late_labels;
  for (int i = 0; i < 200; ++i) {
    const Batch batch = stream.next();
    const auto* const frame = std::ranges::find(kFrames, Size{batch.width, batch.height});
    for (size_t n = 0; n < 8; ++n) {
      const auto row = static_cast<uint64_t>(batch.entries[n]);
      // Both labels have too few of 3:4, and the chairs too few of 2:1 for a shape of their own.
      const size_t widest = row % 3 == 0 ? 3 : 4;
      const size_t shape = row < kAll ? std::clamp(shape_of(row), kSquareShape, widest) : kSquareShape;
      EXPECT_EQ(shape, static_cast<size_t>(frame - std::begin(kFrames)));
      const std::string& label = manifest_->labels()[static_cast<size_t>(batch.labels[n])];
      if (i < 100) ++labels[label];
      EXPECT_TRUE(i <= 100 || label != "lamp") << "the change waits for the end of a block, and no longer";
    }
  }
  // Of 800 samples, each label within a block of each of three shapes.
  EXPECT_NEAR(labels["lamp"], 200, 16);
  EXPECT_NEAR(labels["chair"], 300, 16);
  EXPECT_NEAR(labels["table"], 300, 16);
}

TEST_F(StreamShapes, AnotherListBeginsItsOwnBlocks) {
  const std::string whole_blocks = saved_after(web_, 3);
  config_.train.batch_size = 4;
  const std::string inside = saved_after(web_, 1, whole_blocks);
  std::string text;
  for (uint64_t row = 0; row < 176; ++row) text += line(row);
  use_list(text);
  config_.data.accept_list = true;
  Stream stream(config_, resume_stream(config_, plan(), inside), web_.source());
  EXPECT_EQ(stream.plan().origin, 28u) << "inside a block of 8 of the first list";
  std::vector<size_t> shapes = shapes_of_batches(stream, 34);
  for (size_t i = 0; i < shapes.size(); i += 2) EXPECT_EQ(shapes[i], shapes[i + 1]);
}

TEST_F(StreamShapes, ADeadRowOfAShapeThatALabelHasFewOfEndsNoRun) {
  const auto small = [](uint64_t row) { return row == 40 || row == 100; };
  std::string text;  // beds are square but for one, and chairs wide but for one
  for (uint64_t row = 0; row < 101; ++row) {
    const bool wide = row >= 40 && row < 100;
    text += "{\"url\":\"" + url(row) + "\",\"label\":\"" + (row <= 40 ? "bed" : "chair") + "\"," +
            (wide ? "\"width\":200" : "\"width\":100") + ",\"height\":100}\n";
  }
  use_list(text);
  config_.data.balance = Balance::kLabel;
  FakeWeb web([&](const std::string& address, int) -> FakeWeb::Body {
    if (small(row_of(address))) return not_found();
    return found(address);
  });
  Stream stream(config_, plan(), web.source());
  int beds = 0;
  for (int i = 0; i < 100; ++i) {
    const Batch batch = stream.next();
    const bool wide = Size{batch.width, batch.height} == kFrames[4];
    for (size_t n = 0; n < 8; ++n) {
      EXPECT_EQ(batch.entries[n] > 40, wide);
      beds += batch.entries[n] <= 40;
    }
  }
  EXPECT_EQ(beds, 400) << "a label keeps its share";
  EXPECT_EQ(stream.ledger().all().size(), 2u);
}

TEST_F(StreamShapes, HaveRowsForTheBlockThatTheRunBeganWith) {
  const auto shapes = [](const StreamPlan& plan) {
    std::set<size_t> found;
    for (const Stratum& stratum : plan.strata) found.insert(stratum.shape);
    return found;
  };
  config_.train.batch_size = 64;
  EXPECT_EQ(shapes(plan()), (std::set<size_t>{2, 3})) << "50 are too few of the widest, and 40 of the tall";
  const auto whole = read(web_, 6);
  auto samples = read(web_, 2);
  const std::string saved = saved_after(web_, 2);
  config_.train.batch_size = 16;
  EXPECT_EQ(shapes(plan()), (std::set<size_t>{1, 2, 3, 4}));
  const StreamPlan rest = resume_stream(config_, plan(), saved);
  EXPECT_EQ(shapes(rest), (std::set<size_t>{2, 3}));
  for (const Sample& sample : read(web_, 16, rest)) samples.push_back(sample);
  EXPECT_EQ(samples, whole);
}

TEST_F(StreamShapes, AListWithoutSizesIsRefused) {
  use_rows(60);
  EXPECT_THROW(plan(), std::invalid_argument);
  config_.data.shapes = Shapes::kSquare;
  EXPECT_NO_THROW(plan());
}

}  // namespace
}  // namespace atelier::test
