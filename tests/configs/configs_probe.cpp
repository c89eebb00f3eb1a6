#include <chrono>
#include <cstdio>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "configs/commands.h"
#include "configs/program.h"

/// A program with nothing but run_program in it, for program_test.cpp to start, signal and read.
namespace {

using atelier::Invocation;

/// Says that it is ready, waits for the stop and, when stubborn, for the signal that ends it.
int wait_for_stop(const Invocation& invocation, bool stubborn) {
  std::puts("ready");
  std::fflush(stdout);
  for (int i = 0; i < 2000 && !invocation.stop.stop_requested(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::puts(invocation.stop.stop_requested() ? "stopped" : "never stopped");
  std::fflush(stdout);
  if (stubborn) std::this_thread::sleep_for(std::chrono::seconds(10));
  return atelier::kInterrupted;
}

int echo(const Invocation& invocation) {
  for (const std::string& word : invocation.positional) std::printf("positional %s\n", word.c_str());
  for (const auto& [flag, value] : invocation.flags) std::printf("flag %s=%s\n", flag.c_str(), value.c_str());
  std::printf("dump %s\n", invocation.flag("dump").value_or("absent").c_str());
  std::printf("seed %llu\n", static_cast<unsigned long long>(invocation.config().seed));
  return atelier::kGood;
}

atelier::Command command(const std::string& name, std::function<int(const Invocation&)> run) {
  return {.name = name,
          .takes = {},
          .summary = "ends so",
          .flags = {},
          .sections = {},
          .examples = {name},
          .run = std::move(run)};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> all = {"seed", "data", "model", "train", "generate"};
  const atelier::Program program{
      .name = "configs-probe",
      .summary = "Does nothing but what run_program does.",
      .sections = all,
      .flags = {{"dump", "N", "write the first N positions and end"},
                {"json", "", "print for programs"},
                {"way", "up|down", "which way"}},
      .commands = {{.name = "echo",
                    .takes = {"[LIST]"},
                    .summary = "prints what it was given",
                    .flags = {"dump", "json"},
                    .sections = {"seed"},
                    .examples = {"echo --dump 3"},
                    .run = echo},
                   {.name = "count",
                    .takes = {"LIST"},
                    .summary = "counts",
                    .flags = {"way"},
                    .sections = {},
                    .examples = {"count furniture.jsonl"},
                    .run = echo},
                   command("wait", [](const Invocation& given) { return wait_for_stop(given, false); }),
                   command("wait-stubbornly", [](const Invocation& given) { return wait_for_stop(given, true); }),
                   command("user",
                           [](const Invocation&) -> int { throw std::invalid_argument("the list has no rows"); }),
                   command("system",
                           [](const Invocation&) -> int {
                             throw std::runtime_error("the disk is full\nframe #0\nframe #1");
                           }),
                   command("memory", [](const Invocation&) -> int { throw std::bad_alloc(); }),
                   command("flood",
                           [](const Invocation&) {
                             for (int i = 0; i < 100'000; ++i) atelier::print("a line\n");
                             return 0;
                           }),
                   command("again", [](const Invocation&) -> int { return atelier::kStartAgain; })},
      .default_command = "echo"};
  return atelier::run_program(program, argc, argv,
                              [&](const Invocation& invocation) { return atelier::run_command(program, invocation); });
}
