#include <chrono>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <thread>

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

int body(const Invocation& invocation) {
  const std::string command = invocation.positional.empty() ? "" : invocation.positional.front();
  if (command == "wait") return wait_for_stop(invocation, false);
  if (command == "wait-stubbornly") return wait_for_stop(invocation, true);
  if (command == "user") throw std::invalid_argument("the list has no rows");
  if (command == "system") throw std::runtime_error("the disk is full\nframe #0\nframe #1");
  if (command == "memory") throw std::bad_alloc();
  if (command == "again") return atelier::kStartAgain;
  for (const std::string& word : invocation.positional) std::printf("positional %s\n", word.c_str());
  for (const auto& [flag, value] : invocation.flags) std::printf("flag %s=%s\n", flag.c_str(), value.c_str());
  std::printf("dump %s\n", invocation.flag("dump").value_or("absent").c_str());
  std::printf("seed %llu\n", static_cast<unsigned long long>(invocation.config().seed));
  return atelier::kGood;
}

}  // namespace

int main(int argc, char** argv) {
  const atelier::Program program{
      "configs-probe",
      "Does nothing but what run_program does.",
      {"seed", "data", "model", "train", "generate"},
      {"command", "list"},
      {{"dump", "N", "write the first N positions and end"}, {"json", "", "print for programs"}},
      "  configs-probe echo --dump 3\n"};
  return atelier::run_program(program, argc, argv, body);
}
