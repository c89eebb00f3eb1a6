#include <atomic>
#include <chrono>
#include <cstdio>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <thread>

#include "data/standing.h"
#include "data/watchdog.h"
#include "tests/data/stream_fixture.h"

namespace {

std::atomic<int> decodes_until_one_hangs = -1;  // negative: none does

void hang_for_good() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

/// Stands in front of libpng's function, which the decoder calls once an image: one of them never returns.
extern "C" void png_read_image(png_structrp png, png_bytepp rows) {
  if (decodes_until_one_hangs >= 0 && decodes_until_one_hangs-- == 0) hang_for_good();
  using Function = void (*)(png_structrp, png_bytepp);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "png_read_image"));
  real(png, rows);
}

namespace atelier::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(Watchdog, CountsWaitingOnlyWhileNothingMoves) {
  Watchdog dog(2);
  EXPECT_FALSE(dog.is_stalled(1, 0, false));
  EXPECT_FALSE(dog.is_stalled(0.9, 0, false));
  EXPECT_FALSE(dog.is_stalled(1, 1, false)) << "something moved";
  EXPECT_FALSE(dog.is_stalled(1, 1, false));
  EXPECT_FALSE(dog.is_stalled(1, 1, true)) << "a back-off";
  EXPECT_FALSE(dog.is_stalled(1, 1, false));
  EXPECT_TRUE(dog.is_stalled(1, 1, false));
  dog.rest();
  EXPECT_FALSE(dog.is_stalled(1, 1, false)) << "a batch came";
}

TEST(Watchdog, AProgramThatWasStoppedForAnHourHasNotStalled) {
  Watchdog dog(2);
  EXPECT_FALSE(dog.is_stalled(3600, 0, false));
  EXPECT_TRUE(dog.is_stalled(3600, 0, false));
}

TEST(Standing, TheSentenceNamesTheStageTheHostAndTheSample) {
  const auto sentence = [](Flight::State state, const std::string& url, bool at_work = false) {
    Standing standing{.oldest = OldestSample{}, .transfers = 3, .decoding = 1};
    standing.oldest->position = 1234;
    standing.oldest->row = 77;
    standing.oldest->url = url;
    standing.oldest->state = state;
    return stall_sentence(standing, at_work, 600);
  };
  EXPECT_THAT(sentence(Flight::State::kFetching, "http://h.example/x.jpg"),
              AllOf(HasSubstr("nothing has moved for 600 s (data.stall_limit): position 1234 (row 77, "
                              "http://h.example/x.jpg) waits for fetch, an answer of h.example:80; 3 transfers and 1 "),
                    ::testing::Not(HasSubstr("reading the list"))));
  EXPECT_THAT(sentence(Flight::State::kFetching, "/a/file.png"), HasSubstr("an answer of the disk"));
  EXPECT_THAT(sentence(Flight::State::kDecoding, "/a/file.png"), HasSubstr("waits for decode;"));
  EXPECT_THAT(sentence(Flight::State::kDecoding, "/a/file.png", true), HasSubstr("most likely reading the list"));
}

class StallTest : public StreamTest {
 protected:
  StallTest() {
    config_.data.head_timeout = 0.1;
    config_.data.get_timeout = 0.1;
    config_.data.stall_limit = 0.6;
  }

  /// For a process of its own: a part that hangs must not keep the program from its end.
  [[noreturn]] void stream_and_exit(FakeWeb& web, const MakeSource& source) const {
    int code = 0;
    try {
      Stream stream(config_, plan(), source ? source : web.source());
      for (int i = 0; i < 100; ++i) stream.next();
    } catch (const std::runtime_error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      code = 7;
    }
    std::exit(code);
  }
};

TEST_F(StallTest, ASourceThatNeverAnswersEndsTheRun) {
  FakeWeb web([](const std::string& address, int) { return found(address); });
  web.silent = true;
  const auto begin = SteadyClock::now();
  const auto [sentence, samples] = read_to_the_end(web);
  const double seconds = Seconds(SteadyClock::now() - begin).count();
  EXPECT_EQ(samples, 0u);
  EXPECT_THAT(sentence, AllOf(HasSubstr("nothing has moved for 0.6 s"), HasSubstr("position 0 (row"),
                              HasSubstr("waits for fetch, an answer of fake:80; 16 transfers and 0 images")));
  EXPECT_GE(seconds, 0.55);
  EXPECT_LT(seconds, 4);
}

TEST_F(StallTest, AllThatCameBeforeAStallIsDelivered) {
  config_.data.shuffle = Shuffle::kNone;
  FakeWeb web([&](const std::string& address, int) {
    if (row_of(address) == 20) web.silent = true;  // this answer is the last one
    return found(address);
  });
  web.in_order = true;
  const auto [sentence, samples] = read_to_the_end(web);
  EXPECT_EQ(samples, 16u);
  EXPECT_THAT(sentence, HasSubstr("position 21 (row 21, http://fake/21.png) waits for fetch"));
}

TEST_F(StallTest, SlowImagesAndASlowConsumerAreNoStall) {
  config_.data.stall_limit = 0.45;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  web.in_order = true;
  web.pause = std::chrono::milliseconds(100);  // 0.8 s a batch
  Stream stream(config_, plan(), web.source());
  EXPECT_EQ(stream.next().size, 8);
  web.silent = true;
  while (stream.next({}, std::chrono::milliseconds(50)).size > 0) continue;
  std::this_thread::sleep_for(std::chrono::milliseconds(900));
  EXPECT_EQ(stream.next({}, std::chrono::milliseconds(100)).size, 0) << "the consumer's own time does not count";
  web.silent = false;
  EXPECT_EQ(stream.next().size, 8);
}

TEST_F(StallTest, ALongRetryAfterIsNoStall) {
  FakeWeb web([](const std::string& address, int time) -> FakeWeb::Body {
    if (time > 1) return found(address);
    Failure later = busy();
    later.retry_after = 1.5;
    return later;
  });
  Stream stream(config_, plan(), web.source());
  EXPECT_EQ(stream.next().size, 8);
}

TEST_F(StallTest, AnOutageIsNoStall) {
  config_.data.stall_limit = 0.6;
  config_.data.outage_limit = 2.5;
  config_.data.sample_deadline = 0.1;
  FakeWeb web([](const std::string&, int) { return no_name(); });
  EXPECT_THAT(read_to_the_end(web).first, HasSubstr("no host could be reached for 2.5 s"));
}

TEST_F(StallTest, TheLimitMustLeaveTransfersTheirTime) {
  config_.data.get_timeout = 0.3;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  EXPECT_THROW(Stream(config_, plan(), web.source()), std::invalid_argument);
}

using StallDeathTest = StallTest;

TEST_F(StallDeathTest, ADecoderThatNeverReturnsEndsTheProgramAllTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FakeWeb web([](const std::string& address, int) { return found(address); });
  EXPECT_EXIT(
      {
        decodes_until_one_hangs = 40;
        stream_and_exit(web, {});
      },
      ::testing::ExitedWithCode(7),
      "nothing has moved for 0.6 s .*position [0-9]+ .row [0-9]+, http://fake/.*waits for decode; ");
}

TEST_F(StallDeathTest, ADecoderThatNeverReturnsOnTheOnlyThreadEndsTheProgramAllTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  config_.data.threads = 1;
  FakeWeb web([](const std::string& address, int) { return found(address); });
  EXPECT_EXIT(
      {
        decodes_until_one_hangs = 40;
        stream_and_exit(web, {});
      },
      ::testing::ExitedWithCode(7), "nothing has moved for 0.6 s .*waits for decode; ");
}

/// Hangs when it is asked, and when it goes.
class DeadDisk : public Source {
 public:
  ~DeadDisk() override { hang_for_good(); }
  void submit(Request) override {}
};

TEST_F(StallDeathTest, ASourceThatCannotEvenBeEndedEndsTheProgramAllTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FakeWeb web([](const std::string& address, int) { return found(address); });
  EXPECT_EXIT(stream_and_exit(web, [](const Source::Handler&) { return std::make_unique<DeadDisk>(); }),
              ::testing::ExitedWithCode(7), "nothing has moved for 0.6 s .*waits for fetch");
}

/// Hangs at once, on the stream's own thread.
class DeadStart : public Source {
 public:
  void submit(Request) override { hang_for_good(); }
};

TEST_F(StallDeathTest, AStreamWhoseOwnThreadHangsEndsTheProgramAllTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FakeWeb web([](const std::string& address, int) { return found(address); });
  EXPECT_EXIT(stream_and_exit(web, [](const Source::Handler&) { return std::make_unique<DeadStart>(); }),
              ::testing::ExitedWithCode(7), "nothing has moved for 0.6 s .*the stream's own thread is stuck");
}

}  // namespace
}  // namespace atelier::test
