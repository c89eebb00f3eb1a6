#include "data/limit.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

Latency items(int count) {
  Latency latency;
  for (int i = 0; i < count; ++i) latency.add(0.01);
  return latency;
}

/// 100 s in which 3,100 images came and were decoded on 2 threads.
StreamReport report(double fetching, double decoding, double consuming) {
  StreamReport report;
  report.delivered = 3'100;
  report.decode_threads = 2;
  report.fetch.item = report.decode.item = items(3'100);
  report.fetch.busy = fetching;
  report.fetch.blocked = 100 - fetching;
  report.decode.busy = decoding;
  report.decode.starved = 100 - decoding;
  report.deliver.busy = consuming;
  report.deliver.starved = 100 - consuming;
  return report;
}

TEST(Limit, AHostThatGivesLessThanTheConsumerTakes) {
  StreamReport slow = report(100, 10, 56);
  slow.hosts = {{.host = "h.example:443", .images = 3'100, .waited = 900, .busy = 100}};
  const Limit limit = limit_of(slow);
  EXPECT_EQ(limit.stage, "network");
  EXPECT_EQ(limit.host, "h.example:443");
  EXPECT_EQ(limit.sentence, "network: h.example:443 gives 31.0 images/s, the consumer takes 55.4");
  EXPECT_EQ(limit.brief, "network (h.example:443) 31.0 of 55.4/s");
  slow.hosts.front().host = "local files";
  EXPECT_EQ(limit_of(slow).sentence, "network: local files give 31.0 images/s, the consumer takes 55.4");
  EXPECT_DOUBLE_EQ(limit.network_gives, 31);
  EXPECT_DOUBLE_EQ(limit.decode_gives, 310);
}

TEST(Limit, OfManyHostsTheOneThatWasWaitedForMost) {
  StreamReport slow = report(100, 10, 0);
  slow.hosts = {{.host = "slow:80", .images = 90, .failures = 10, .waited = 250, .busy = 100},
                {.host = "fast:80", .images = 3'010, .waited = 200, .busy = 100}};
  EXPECT_EQ(limit_of(slow).sentence,
            "network: all hosts give 31.0 images/s, slow:80 of them 0.90 after 2.5 s each, the consumer takes all "
            "there is");
  EXPECT_EQ(limit_of(slow).brief, "network (slow:80) 31.0/s");
}

TEST(Limit, TheThreadsThatDecode) {
  const Limit limit = limit_of(report(50, 90, 10));
  EXPECT_EQ(limit.stage, "decode");
  EXPECT_EQ(limit.sentence, "decode: 2 threads give 34.4 images/s, the consumer takes 310");
  EXPECT_EQ(limit.brief, "decode 34.4 of 310/s");
}

TEST(Limit, ThreadsThatWaitForMemory) {
  StreamReport waiting = report(50, 20, 10);
  waiting.decode.blocked = 70;
  waiting.decode.starved = 10;
  const Limit limit = limit_of(waiting);
  EXPECT_EQ(limit.stage, "decode");
  EXPECT_EQ(limit.sentence,
            "decode: 2 threads give 34.4 images/s (78% idle for want of data.memory), the consumer takes 310");
}

TEST(Limit, TheConsumerItself) {
  const Limit limit = limit_of(report(20, 10, 99));
  EXPECT_EQ(limit.stage, "consumer");
  EXPECT_EQ(limit.sentence, "consumer: it takes 31.3 images/s, the stream could give 155");
  EXPECT_EQ(limit.brief, "consumer 31.3 of 155/s");
}

TEST(Limit, TheFirstMomentHasNoRates) {
  StreamReport fresh;
  fresh.deliver.starved = 1;
  EXPECT_EQ(limit_of(fresh).sentence, "network: nothing has come yet");
  EXPECT_EQ(limit_of(fresh).brief, "network");
}

}  // namespace
}  // namespace atelier
