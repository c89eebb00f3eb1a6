#include "configs/program.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sstream>
#include <thread>

#include "base/files.h"
#include "tests/configs/child.h"

namespace atelier {
namespace {

using test::Child;
using test::Ended;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kProbe = ATELIER_CONFIGS_PROBE;

Ended probe(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) {
  return test::run(kProbe, arguments, environment);
}

/// The probe ends with 2, prints nothing to stdout and this to stderr.
void expect_refused(const std::vector<std::string>& arguments, const std::string& sentence,
                    const std::vector<std::string>& environment = {}) {
  const Ended ended = probe(arguments, environment);
  EXPECT_EQ(ended.code, kUserMustChange);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "configs-probe: " + sentence + "\n");
}

std::string written(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

TEST(CommandLine, TakesSettingsAsTwoWordsOrOneAndByShortNames) {
  const Ended ended = probe({"--show-config", "--seed", "7", "--data.threads=3", "--label", "a chair", "--out=x=y",
                             "--data.flip", "false", "--strength", "0.25"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  for (const char* line : {"seed: 7 +# flag", "threads: 3 +# flag", "label: \"a chair\" +# flag",
                           "out: \"x=y\" +# flag", "flip: false +# flag", "strength: 0.25 +# flag"}) {
    EXPECT_THAT(ended.out, ContainsRegex(line));
  }
}

TEST(CommandLine, LetsBooleansAndResumeStandAlone) {
  const Ended ended = probe({"--resume", "--allow-private", "--data.flip", "off", "--show-config"});
  EXPECT_THAT(ended.out, ContainsRegex("resume: must +# flag"));
  EXPECT_THAT(ended.out, ContainsRegex("allow_private: true +# flag"));
  EXPECT_THAT(ended.out, ContainsRegex("flip: false +# flag"));
  EXPECT_THAT(probe({"--show-config", "--resume", "never"}).out, ContainsRegex("resume: never +# flag"));
  EXPECT_THAT(probe({"--show-config", "--resume"}).out, ContainsRegex("resume: must +# flag"));
}

TEST(CommandLine, HandsOverPositionalArgumentsAndTheProgramsOwnFlags) {
  const Ended ended = probe({"echo", "--dump", "12", "a,b.jsonl", "--json", "--seed", "9007199254740991"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "positional echo\npositional a,b.jsonl\nflag dump=12\nflag json=true\ndump 12\nseed 9007199254740991\n");
  EXPECT_EQ(probe({"--", "echo"}).out, "positional echo\ndump absent\nseed 0\n");
}

TEST(CommandLine, AnswersWhatItDoesNotKnowWithTheNearestName) {
  expect_refused({"--data.thread", "4"}, "flag --data.thread: no such setting; did you mean --data.threads?");
  expect_refused({"--data.thread=4"}, "flag --data.thread: no such setting; did you mean --data.threads?");
  expect_refused({"--run_dir", "x"}, "flag --run_dir: no such setting; did you mean --run-dir?");
  expect_refused({"--dumb=4"}, "flag --dumb: no such setting; did you mean --dump?");
  expect_refused({"--shw-config"}, "flag --shw-config: no such setting; did you mean --show-config?");
  for (const char* odd : {"-x", "--=3", "---seed", "--a", "-"}) {
    EXPECT_EQ(probe({odd}).code, kUserMustChange) << odd;
  }
}

TEST(CommandLine, RefusesWhatCannotBeMeant) {
  expect_refused({"--label"}, "flag --label: needs a value");
  expect_refused({"--label", "--steps", "3"}, "flag --label: needs a value, not --steps");
  expect_refused({"--seed", "1", "--seed=2"}, "flag --seed: is given twice; give it once");
  expect_refused({"--list", "a", "--data.list", "b"}, "flag --data.list: is given twice; give it once");
  expect_refused({"--dump", "1", "--dump", "2"}, "flag --dump: is given twice; give it once");
  expect_refused({"--json=3"}, "flag --json: takes no value, but got \"3\"");
  expect_refused({"--way", "sideways"}, "flag --way: cannot be \"sideways\"; it takes up or down");
  expect_refused({"--way="}, "flag --way: cannot be \"\"; it takes up or down");
  expect_refused({"a", "b", "c"}, "there is no place for the argument \"c\"");
  expect_refused({"--data.threads", "-1"}, "flag --data.threads: cannot be \"-1\"; it takes an integer from 0 to 1024");
  expect_refused({"--label", "a\nb"}, "an argument contains control characters, such as a line break");
  EXPECT_THAT(probe({"--label=" + std::string(100'000, 'x')}).err, HasSubstr("is longer than 4096 bytes"));
}

TEST(CommandLine, LetsNoTextMoveTheCursor) {
  const std::string file = written("escape.yaml", "\"da\\e[31mta\":\n  threads: 2\n");
  expect_refused({"--config", file},
                 "file " + file + ": da\\x1b[31mta.threads is no setting; did you mean data.threads?");
}

TEST(CommandLine, RefusesABadEnvironmentToo) {
  expect_refused({}, "environment BATCH_SIZE: cannot be \"0\"; it takes an integer from 1 to 65536", {"BATCH_SIZE=0"});
  expect_refused({}, "environment ATELIER_SED: no such setting; did you mean ATELIER_SEED?", {"ATELIER_SED=1"});
}

TEST(Configuration, LaysFileBelowEnvironmentBelowFlags) {
  const std::string file = written("atelier-layers.yaml", "train: {epochs: 2, batch_size: 2, steps_per_epoch: 2}");
  const Ended ended = probe({"--config", file, "--train.epochs", "4", "--show-config"}, {"BATCH_SIZE=3", "EPOCHS=3"});
  EXPECT_THAT(ended.out, ContainsRegex("steps_per_epoch: 2 +# file " + file));
  EXPECT_THAT(ended.out, ContainsRegex("batch_size: 3 +# environment"));
  EXPECT_THAT(ended.out, ContainsRegex("epochs: 4 +# flag"));
}

TEST(Configuration, ShownIsAFileThatResolvesToTheSame) {
  const Ended first = probe({"--config", "sketch-64", "--label", "chair", "--show-config"});
  ASSERT_EQ(first.code, 0) << first.err;
  const Resolved again = resolve({read_yaml_layer(written("atelier-shown.yaml", first.out))});
  EXPECT_EQ(again.config.generate.label, "chair");
  EXPECT_EQ(again.config.model.kind, Kind::kPix2pix);
}

TEST(Configuration, FindsPresetsByNameAndFilesByPath) {
  EXPECT_THAT(probe({"--config", "furniture-32", "--show-config"}).out,
              ContainsRegex("image_size: 32 +# file .*/furniture-32.yaml"));
  expect_refused({"--config", "skech-64"},
                 "flag --config: skech-64 is neither a file nor a preset; did you mean sketch-64?");
  expect_refused({"--config", "/nowhere/x.yaml"}, "file /nowhere/x.yaml: cannot be opened");
  expect_refused({"--config", "nowhere.yaml"}, "file nowhere.yaml: cannot be opened");
}

TEST(Configuration, FindsPresetsBesideAnInstalledProgram) {
  namespace fs = std::filesystem;
  const fs::path prefix = fs::path(testing::TempDir()) / "atelier-installed";
  fs::remove_all(prefix);
  fs::create_directories(prefix / "bin");
  fs::create_directories(prefix / "share/atelier/configs");
  fs::copy_file(kProbe, prefix / "bin/probe");
  std::ofstream(prefix / "share/atelier/configs/mine.yaml") << "seed: 7\n";
  const Ended ended = test::run(prefix / "bin/probe", {"--config", "mine", "echo"});
  EXPECT_THAT(ended.out, HasSubstr("seed 7")) << ended.err;
  fs::remove_all(prefix / "share");
  EXPECT_THAT(test::run(prefix / "bin/probe", {"--config", "mine"}).err, HasSubstr("no presets are installed"));
}

TEST(Help, FitsInAHundredColumnsAndNamesEverything) {
  const Ended ended = probe({"--help"});
  EXPECT_EQ(ended.code, 0);
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
  for (const SettingInfo& setting : list_settings()) EXPECT_THAT(ended.out, HasSubstr("  --" + setting.key + " "));
  for (const char* part : {"Usage: configs-probe [COMMAND] [argument ...]", "  echo [LIST] ",
                           "prints what it was given", "--dump N", "--config FILE", "--completion bash|zsh|fish",
                           "--run-dir", "10MiB", "[bytes, 1..1GiB]", "  configs-probe echo --dump 3\n"}) {
    EXPECT_THAT(ended.out, HasSubstr(part));
  }
  EXPECT_EQ(probe({"-h"}).out, ended.out);
  EXPECT_EQ(probe({"--help", "--seed", "wrong"}).out, ended.out);
}

TEST(Help, OfACommandIsAboutThatAlone) {
  const Ended ended = probe({"echo", "--help"});
  EXPECT_EQ(ended.code, 0);
  for (const char* part :
       {"configs-probe echo prints what it was given.\n", "Usage: configs-probe echo [LIST] [--flag value ...]",
        "--dump N", "--config FILE", "  --seed ", "  configs-probe echo --dump 3\n"}) {
    EXPECT_THAT(ended.out, HasSubstr(part));
  }
  for (const char* part : {"--way", "count", "--data.", "--list"}) EXPECT_THAT(ended.out, Not(HasSubstr(part)));
  expect_refused({"ecko", "--help"},
                 "there is no command \"ecko\"; did you mean echo? They are echo, count, wait, wait-stubbornly, user, "
                 "system, memory, flood, again");
}

TEST(Commands, TakeTheirOwnArgumentsAndFlags) {
  EXPECT_EQ(probe({}).out, "dump absent\nseed 0\n");
  expect_refused({"count"}, "count needs LIST; try: configs-probe count furniture.jsonl");
  expect_refused({"again", "a.jsonl"}, "again takes flags only; leave \"a.jsonl\" out");
  expect_refused({"count", "a.jsonl", "--json"}, "count takes no --json; leave it out (it is for echo)");
}

TEST(Help, KnowsTheVersion) { EXPECT_THAT(probe({"--version"}).out, ContainsRegex("^configs-probe [0-9.]+\n$")); }

TEST(ExitCodes, FollowTheBodyAndItsExceptions) {
  expect_refused({"user"}, "the list has no rows");
  const Ended system = probe({"system"});
  EXPECT_EQ(system.code, kSystemFailed);
  EXPECT_EQ(system.err, "configs-probe: the disk is full\n");
  const Ended memory = probe({"memory"});
  EXPECT_EQ(memory.code, kSystemFailed);
  EXPECT_EQ(memory.err, "configs-probe: out of memory\n");
  EXPECT_EQ(probe({"again"}).code, kStartAgain);
  EXPECT_EQ(probe({"echo"}).code, kGood);
}

TEST(ExitCodes, SayWhenStdoutIsFull) {
  const Ended ended = test::run("/bin/sh", {"-c", std::string(kProbe) + " --help > /dev/full"});
  EXPECT_EQ(ended.code, kSystemFailed);
  EXPECT_THAT(ended.err, HasSubstr("cannot write to stdout"));
}

TEST(ExitCodes, AreGoodWhenTheReaderHasHadEnough) {
  const Ended ended = test::run("/bin/bash", {"-c", std::string(kProbe) + " flood | head -n 1; echo ${PIPESTATUS[0]}"},
                                {"PATH=/usr/bin:/bin"});
  EXPECT_EQ(ended.out, "a line\n0\n");
  EXPECT_EQ(ended.err, "");
}

class Signals : public testing::TestWithParam<int> {};

TEST_P(Signals, AskOnceForAStop) {
  Child child(kProbe, {"wait"});
  ASSERT_TRUE(child.read_until("ready"));
  child.signal(GetParam());
  const Ended ended = child.wait();
  EXPECT_EQ(ended.code, kInterrupted);
  EXPECT_THAT(ended.out, HasSubstr("\nstopped"));
  EXPECT_THAT(ended.err, HasSubstr("once more"));
}

TEST_P(Signals, EndTheProgramTheSecondTime) {
  Child child(kProbe, {"wait-stubbornly"});
  ASSERT_TRUE(child.read_until("ready"));
  child.signal(GetParam());
  ASSERT_TRUE(child.read_until("stopped"));
  child.signal(SIGINT);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(child.wait().code, kInterrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

INSTANTIATE_TEST_SUITE_P(Each, Signals, testing::Values(SIGINT, SIGTERM, SIGHUP));

TEST(Signals, OfASchedulerMayComeTwice) {
  for (const int number : {SIGTERM, SIGHUP}) {
    Child child(kProbe, {"wait"});
    ASSERT_TRUE(child.read_until("ready"));
    for (int i = 0; i < 100; ++i) child.signal(number);
    EXPECT_THAT(child.wait().out, HasSubstr("\nstopped")) << "it had the time to stop in order";
  }
}

TEST(Signals, OfATerminalThatGoesAwayAreIgnoredUnderNohup) {
  using namespace std::chrono_literals;
  Child child("/bin/bash", {"-c", "trap '' HUP; exec " + std::string(kProbe) + " wait"}, {"PATH=/usr/bin:/bin"});
  ASSERT_TRUE(child.read_until("ready"));
  const auto start = std::chrono::steady_clock::now();
  child.signal(SIGHUP);
  const std::jthread later([&] {
    std::this_thread::sleep_for(500ms);
    child.signal(SIGTERM);
  });
  EXPECT_TRUE(child.read_until("\nstopped"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 400ms) << "by what came later";
}

/// What bash offers after `words`, the last of which is being typed.
std::string completed(const std::vector<std::string>& words) {
  std::string array;
  for (const std::string& word : words) array += " '" + word + "'";
  const std::string script = "set -u; source <(" + std::string(kProbe) + " --completion bash) && COMP_WORDS=(" +
                             array.substr(1) + ") COMP_CWORD=" + std::to_string(words.size() - 1) +
                             " && _configs_probe && IFS='|' && echo \"${COMPREPLY[*]}\"";
  const Ended ended = test::run("/bin/bash", {"--norc", "-c", script}, {"PATH=/usr/bin:/bin"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  return ended.out;
}

TEST(Completion, WorksInBash) {
  EXPECT_EQ(completed({"configs-probe", "--data.thr"}), "--data.threads\n");
  EXPECT_EQ(completed({"configs-probe", "--run-"}), "--run-dir\n");
  EXPECT_EQ(completed({"configs-probe", "--show"}), "--show-config\n");
  EXPECT_EQ(completed({"configs-probe", "--du"}), "--dump\n");
  EXPECT_EQ(completed({"configs-probe", "--data.shuffle", ""}), "full|window|none\n");
  EXPECT_EQ(completed({"configs-probe", "--quality", "b"}), "balanced\n");
  EXPECT_EQ(completed({"configs-probe", "--data.fit", "=", "p"}), "pad\n");
  EXPECT_EQ(completed({"configs-probe", "--data.fit", "="}), "crop|random|pad|stretch\n");
  EXPECT_EQ(completed({"configs-probe", "--data.flip", "t"}), "true\n");
  EXPECT_EQ(completed({"configs-probe", "--way", ""}), "up|down\n");
  EXPECT_EQ(completed({"configs-probe", "wai"}), "wait|wait-stubbornly\n");
  EXPECT_EQ(completed({"configs-probe", "--config", "sketch-"}), "sketch-256|sketch-64\n");
  const std::string file = written("atelier a list.jsonl", "");
  EXPECT_EQ(completed({"configs-probe", "--list", file.substr(0, file.size() - 7)}), file + "\n");
  EXPECT_EQ(completed({"configs-probe", "count", file.substr(0, file.size() - 7)}), file + "\n");
}

TEST(Completion, NamesEverySettingForZshAndFish) {
  const std::string zsh = probe({"--completion", "zsh"}).out, fish = probe({"--completion=fish"}).out;
  EXPECT_THAT(zsh, StartsWith("#compdef configs-probe\n"));
  for (const SettingInfo& setting : list_settings()) {
    EXPECT_THAT(zsh, HasSubstr("'--" + setting.key + "=["));
    EXPECT_THAT(fish, HasSubstr("complete -c configs-probe -l " + setting.key + " "));
  }
  EXPECT_THAT(zsh, HasSubstr(":value:(full window none)'"));
  EXPECT_THAT(fish, HasSubstr(" -l data.shuffle -x -a 'full window none' "));
  EXPECT_THAT(zsh, HasSubstr("'1:command:(echo count wait"));
  EXPECT_THAT(zsh, HasSubstr(":value:(up down)'"));
  EXPECT_THAT(fish, HasSubstr("complete -c configs-probe -n __fish_use_subcommand -a count -d 'counts'\n"));
  expect_refused({"--completion", "tcsh"}, "flag --completion: cannot be \"tcsh\"; it takes bash, zsh or fish");
}

/// What stands between the markers of a page; nothing when it has none.
std::optional<std::string> settings_block(const std::string& path) {
  const std::string text = read_file(path);
  const std::string begin = "<!-- settings -->\n", end = "<!-- /settings -->";
  const size_t from = text.find(begin);
  if (from == std::string::npos) return std::nullopt;
  return text.substr(from + begin.size(), text.find(end, from) - from - begin.size());
}

TEST(Documentation, ShowsTheSettingsAsTheyAre) {
  const std::string table = probe({"--settings"}).out;
  EXPECT_THAT(table, HasSubstr("| `data.max_image_size` | `MAX_IMAGE_SIZE` | `10MiB` | bytes | 1..1GiB | "));
  for (const char* page : {"/docs/settings.md", "/README.md"}) {
    EXPECT_EQ(settings_block(std::string(ATELIER_SOURCE_DIR) + page), table)
        << "Replace the block between the markers of " << page << " by the output of any program's --settings.";
  }
}

}  // namespace
}  // namespace atelier
