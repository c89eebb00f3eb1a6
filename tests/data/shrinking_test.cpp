#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "data/open_source.h"
#include "data/shrinking_source.h"
#include "data/stored_source.h"
#include "images/shrink_file.h"
#include "tests/data/stream_fixture.h"

namespace atelier::test {
namespace {

/// A picture with an edge, `width` x `height`, as PNG.
std::vector<std::byte> picture_of(int width, int height) {
  Image image(width, height);
  for (size_t i = 0; i < image.rgb.size() / 2; ++i) image.rgb[i] = static_cast<uint8_t>(i % 200);
  return encode_png(image);
}

std::optional<std::vector<std::byte>> shrunk(const std::vector<std::byte>& bytes, int side) {
  return std::get<0>(shrink_file(bytes, side, 90));
}

TEST(ShrinkFile, MakesTheShorterEdgeAsLongAsAskedAndKeepsTheShape) {
  for (const auto& [width, height] : {std::pair{300, 200}, {200, 300}, {200, 200}, {1000, 101}}) {
    const auto small = shrunk(picture_of(width, height), 100);
    ASSERT_TRUE(small);
    const Image image = std::get<Image>(decode(*small));
    EXPECT_EQ(std::min(image.width, image.height), 100);
    EXPECT_NEAR(static_cast<double>(image.width) / image.height, static_cast<double>(width) / height, 0.02);
    EXPECT_EQ(std::to_integer<int>((*small)[0]), 0xff) << "a JPEG";
  }
}

TEST(ShrinkFile, LeavesSmallPicturesAndTellsWhatIsNone) {
  EXPECT_FALSE(shrunk(picture_of(99, 300), 100));
  const auto cut = picture_of(300, 300);
  EXPECT_TRUE(std::holds_alternative<DecodeFailure>(shrink_file(std::span(cut).first(cut.size() / 2), 100, 90)));
}

/// The stream's list, with the hash of every picture, through a store that holds them smaller.
class ShrinkingTest : public StreamTest {
 protected:
  static constexpr int kSide = 12;  // pictures are 24 x 20

  ShrinkingTest() {
    std::string list;
    for (uint64_t row = 0; row < kRows; ++row)
      list +=
          "{\"url\":\"" + url(row) + "\",\"sha256\":\"" + sha256_hex(row == 9 ? picture(8) : picture(row)) + "\"}\n";
    use_list(list);
    config_.data.image_size = kSide;
  }
  StoreIdentity identity(const std::string& packing) const {
    return {.list_sha256 = manifest_->sha256(), .rows = kRows, .list = "list.jsonl", .packing = packing};
  }
  MakeSource packing_source(FakeWeb& web, const std::shared_ptr<Store>& store) const {
    const MakeSource smaller = [this, other = web.source()](Source::Handler handler) {
      return std::make_unique<ShrinkingSource>(Shrinking{kSide, 90}, 2, manifest_, other, std::move(handler));
    };
    return kept_in(store, manifest_, config_.data, smaller, {});
  }
};

TEST_F(ShrinkingTest, PacksSmallerPicturesThatStandForTheList) {
  FakeWeb web([](const std::string& address, int) -> FakeWeb::Body {
    if (row_of(address) == 3) return not_found();
    return found(address);
  });
  const auto folder = folder_ / "store";
  std::vector<Sample> packed;
  Verdicts ledger;
  {
    auto store = std::make_shared<Store>(folder, identity("jpeg 12 90"));
    store->keep_list(read_file(folder_ / "list.jsonl"));
    config_.data.shuffle = Shuffle::kNone;
    Stream stream(config_, plan(), packing_source(web, store));
    for (int i = 0; i < 8; ++i) append(packed, stream.next());
    ledger = stream.state().verdicts;
  }
  ASSERT_EQ(ledger.all().size(), 2u);
  EXPECT_EQ(ledger.find(3)->fault, Fault::kHttpStatus);
  EXPECT_EQ(ledger.find(9)->fault, Fault::kChecksum) << "the hash of the bytes as they came";

  const Store store(folder);
  const auto body = std::get<std::vector<std::byte>>(store.read({0}, 1'000'000).value());
  EXPECT_EQ(std::get<Image>(decode(body)).height, kSide);
  EXPECT_FALSE(store.has({3}));
  EXPECT_FALSE(store.has({9}));

  config_.data.list = folder.string();
  EXPECT_EQ(image_packing(config_.data), "jpeg 12 90");
  manifest_ = open_list(config_.data, {});
  Stream stream(config_, plan());
  std::vector<Sample> streamed;
  for (int i = 0; i < 8; ++i) append(streamed, stream.next());
  EXPECT_EQ(streamed, packed);
  EXPECT_EQ(stream.state().verdicts.find(0), nullptr) << "its sha256 is not that of the smaller file";
  EXPECT_THROW(Store(folder, identity("")), std::invalid_argument);
  EXPECT_THROW(Store(folder, identity("jpeg 12 80")), std::invalid_argument);
  EXPECT_NO_THROW(Store(folder, identity("jpeg 12 90")));
}

}  // namespace
}  // namespace atelier::test
