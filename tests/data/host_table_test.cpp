#include "data/host_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace atelier {
namespace {

using Time = SteadyClock::time_point;

Time at(double seconds) { return Time() + to_clock(seconds); }

TEST(HostTable, AddsUpWhatAHostGaveAndHowLongItTook) {
  HostTable table;
  table.begin("a:80", at(1));
  table.begin("a:80", at(2));
  table.end("a:80", at(0), at(1), at(4), true, 100);
  table.end("a:80", at(1.5), at(2), at(5), false, 0);
  table.begin("a:80", at(10));  // idle from 5 to 10
  const auto hosts = table.most_waited_for(at(11));
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].host, "a:80");
  EXPECT_EQ(hosts[0].images, 1u);
  EXPECT_EQ(hosts[0].failures, 1u);
  EXPECT_EQ(hosts[0].bytes, 100u);
  EXPECT_DOUBLE_EQ(hosts[0].waited, 4 + 3.5);
  EXPECT_DOUBLE_EQ(hosts[0].transferring, 3 + 3);
  EXPECT_DOUBLE_EQ(hosts[0].busy, 4 + 1);
}

TEST(HostTable, TheOneThatWasWaitedForMostComesFirst) {
  HostTable table;
  for (int host = 0; host < 50; ++host) {
    const std::string name = fmt::format("h{}", host);
    table.begin(name, at(0));
    table.end(name, at(0), at(0), at(host == 33 ? 99 : host), true, 1);
  }
  const auto hosts = table.most_waited_for(at(100));
  ASSERT_EQ(hosts.size(), HostTable::kShown);
  EXPECT_EQ(hosts[0].host, "h33");
  EXPECT_EQ(hosts[1].host, "h49");
}

TEST(HostTable, SeveralSourcesTellAsOneWould) {
  const auto all = merged({{.host = "a:80", .images = 1, .waited = 5}, {.host = "b:80", .images = 2, .waited = 4}},
                          {{.host = "b:80", .images = 3, .bytes = 9, .waited = 2}, {.host = "c:80", .waited = 1}});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].host, "b:80");
  EXPECT_EQ(all[0].images, 5u);
  EXPECT_EQ(all[0].bytes, 9u);
  EXPECT_EQ(all[0].waited, 6);
  EXPECT_EQ(all[1].host, "a:80");
}

TEST(HostTable, AMillionHostsShareOneRow) {
  HostTable table;
  for (int host = 0; host < 3000; ++host) {
    const std::string name = fmt::format("h{}", host);
    table.begin(name, at(0));
    table.end(name, at(0), at(0), at(1), true, 1);
  }
  const auto hosts = table.most_waited_for(at(1));
  EXPECT_EQ(hosts[0].host, "other hosts");
  EXPECT_EQ(hosts[0].images, 3000 - HostTable::kMost);
}

}  // namespace
}  // namespace atelier
