#include "data/host_queue.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

Job job(uint64_t ticket, const std::string& host) {
  return {.request = {.ticket = ticket, .url = "http://" + host}, .url = {.target = "http://" + host, .host = host}};
}

/// The tickets that may start now.
std::vector<uint64_t> pop_all(HostQueue& queue) {
  std::vector<uint64_t> tickets;
  while (const auto next = queue.pop()) tickets.push_back(next->request.ticket);
  return tickets;
}

auto limit(int requests) {
  return [requests](const std::string&) { return requests; };
}

using Tickets = std::vector<uint64_t>;

TEST(HostQueue, ServesInOrderOfArrivalOverAllHosts) {
  HostQueue queue(limit(2));
  for (const auto& [ticket, host] : {std::pair{1, "a"}, {2, "b"}, {3, "a"}, {4, "b"}})
    queue.push(job(static_cast<uint64_t>(ticket), host));
  EXPECT_EQ(pop_all(queue), (Tickets{1, 2, 3, 4}));
}

TEST(HostQueue, LetsOtherHostsPassASaturatedOne) {
  HostQueue queue(limit(2));
  for (uint64_t i = 1; i <= 4; ++i) queue.push(job(i, "slow"));
  queue.push(job(5, "fast"));
  EXPECT_EQ(pop_all(queue), (Tickets{1, 2, 5}));
  queue.push(job(6, "slow"));
  queue.push(job(7, "fast"));
  queue.done("slow");
  EXPECT_EQ(pop_all(queue), (Tickets{3, 7}));
  queue.done("slow");
  queue.done("slow");
  EXPECT_EQ(pop_all(queue), (Tickets{4, 6}));
}

TEST(HostQueue, ForgetsHostsThatAreDone) {
  HostQueue queue(limit(1));
  queue.push(job(1, "a"));
  EXPECT_EQ(pop_all(queue), (Tickets{1}));
  queue.done("a");
  EXPECT_THROW(queue.done("a"), std::out_of_range);
  queue.push(job(2, "a"));
  EXPECT_EQ(pop_all(queue), (Tickets{2}));
}

TEST(HostQueue, FollowsALimitThatChanges) {
  int most = 4;
  HostQueue queue([&](const std::string&) { return most; });
  for (uint64_t i = 1; i <= 9; ++i) queue.push(job(i, "h"));
  ASSERT_EQ(queue.pop()->request.ticket, 1u);
  ASSERT_EQ(queue.pop()->request.ticket, 2u);
  most = 2;
  EXPECT_EQ(pop_all(queue), Tickets{});
  queue.done("h");
  EXPECT_EQ(pop_all(queue), (Tickets{3}));
  most = 3;
  queue.done("h");
  EXPECT_EQ(pop_all(queue), (Tickets{4, 5}));
}

}  // namespace
}  // namespace atelier
