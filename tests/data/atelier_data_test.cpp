#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <signal.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "tests/data/s3_fixture.h"
#include "tests/data/stream_fixture.h"
#include "tests/data/tar_fixture.h"
#include "tests/support/loopback_server.h"
#include "tests/support/scene.h"

// The program as a user runs it, over files and over a server on the loopback.

namespace atelier::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

struct Outcome {
  int code;
  std::string out;
};

class AtelierDataTest : public StreamTest {
 protected:
  AtelierDataTest() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache of lists").c_str(), 1);
    std::string list;
    for (uint64_t row = 0; row < 40; ++row) {
      const auto bytes = picture(row);
      const std::string name = std::to_string(row) + ".png";
      std::ofstream(folder_ / name, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      list += "{\"url\":\"" + name + "\",\"label\":\"" + (row % 4 == 0 ? "bed" : "chair") + "\"}\n";
    }
    use_list(list + "{\"url\":\"missing.png\"}\n");
  }

  ~AtelierDataTest() override { ::unsetenv("XDG_CACHE_HOME"); }

  /// Runs the program by the shell; stderr goes where `arguments` say, else to a file.
  Outcome run(const std::string& arguments) const {
    const std::string command = std::string(ATELIER_BIN_DIR) + "/atelier-data " + arguments + " 2> " + errors();
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    std::array<char, 4096> piece;
    while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) out.append(piece.data(), got);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
  }
  std::string errors() const { return (folder_ / "stderr").string(); }
  std::string list() const { return config_.data.list; }
};

TEST_F(AtelierDataTest, DumpsExactlyThePositionsThatWereAskedFor) {
  const Outcome dump = run("stream " + list() + " --dump 45 --seed 3");
  EXPECT_EQ(dump.code, 0);
  std::istringstream lines(dump.out);
  std::string line;
  int position = 0;
  while (std::getline(lines, line)) {
    EXPECT_THAT(line, ::testing::MatchesRegex(std::to_string(position) + ",[0-9]+,[0-9a-f]{64}"));
    ++position;
  }
  EXPECT_EQ(position, 45);
  EXPECT_EQ(run("stream --data.list " + list() + " --dump 45 --seed 3 --data.threads 8 --data.connections 1").out,
            dump.out);
  EXPECT_NE(run("stream " + list() + " --dump 45 --seed 4").out, dump.out);
  EXPECT_EQ(run("stream " + list() + " --dump 0").out, "");
}

TEST_F(AtelierDataTest, ADumpFromTheMiddleIsTheMiddleOfTheDump) {
  const std::string whole = run("stream " + list() + " --dump 90").out;
  const std::string middle = run("stream " + list() + " --dump 40 --start 33").out;
  EXPECT_NE(whole.find("\n" + middle), std::string::npos);
}

TEST_F(AtelierDataTest, APassEndsWithASummaryAndALedger) {
  const std::string ledger = (folder_ / "ledger.jsonl").string();
  const Outcome pass = run("stream " + list() + " --json --ledger " + ledger);
  EXPECT_EQ(pass.code, 0);
  const auto summary = nlohmann::json::parse(pass.out);
  EXPECT_EQ(summary["delivered"], 41);
  EXPECT_EQ(summary["failures"]["missing-file"], 1);
  EXPECT_TRUE(Verdicts::from_jsonl(read_file(ledger)).has(40));
  EXPECT_EQ(run("stream " + list() + " --passes 2").code, 0);
  EXPECT_THAT(read_file(errors()), HasSubstr(" images in "));
}

TEST_F(AtelierDataTest, AReportSaysHowEachStageDid) {
  const std::string file = (folder_ / "report.json").string();
  EXPECT_EQ(run("stream " + list() + " --report " + file).code, 0);
  const auto report = nlohmann::json::parse(read_file(file));
  EXPECT_GE(report["delivered"], 41);
  for (const char* stage : {"fetch", "decode", "deliver"}) {
    EXPECT_GT(report[stage]["items"], 0) << stage;
    EXPECT_GT(report[stage]["bytes"], 0) << stage;
    EXPECT_LE(report[stage]["p50"], report[stage]["p95"]) << stage;
    EXPECT_LE(report[stage]["p95"], report[stage]["max"]) << stage;
    EXPECT_GE(report[stage]["waiting_mean"], 0) << stage;
  }
  ASSERT_EQ(report["hosts"].size(), 1u);
  EXPECT_EQ(report["hosts"][0]["host"], "local files");
  EXPECT_GE(report["hosts"][0]["images"], 40);
  EXPECT_GE(report["hosts"][0]["failures"], 1);
  EXPECT_GT(report["limit_sentence"].get<std::string>().size(), 20u);

  EXPECT_EQ(run("stream " + list() + " --report " + folder_.string()).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("--report cannot be"));
  use_list("{\"url\":\"missing.png\"}\n");
  EXPECT_EQ(run("stream " + list() + " --report " + file).code, 2);
  const auto failed = nlohmann::json::parse(read_file(file));
  EXPECT_EQ(failed["delivered"], 0) << "a stream that fails says so, too";
  EXPECT_GE(failed["failures"]["missing-file"], 1);
}

TEST_F(AtelierDataTest, TakesASettingsFile) {
  const auto file = folder_ / "settings.yaml";
  std::ofstream(file) << "data:\n  image_size: 16\n  shuffle: none\n";
  const std::string flags = " --data.image_size 16 --data.shuffle none";
  EXPECT_EQ(run("stream " + list() + " --dump 3 --config " + file.string()).out,
            run("stream " + list() + " --dump 3" + flags).out);
  EXPECT_EQ(run("labels " + list() + " --config " + file.string()).code, 0);
}

TEST_F(AtelierDataTest, ABenchMeasuresEachStage) {
  const Outcome bench = run("bench " + list() + " --seconds 1 --json --data.threads 2");
  EXPECT_EQ(bench.code, 0);
  const auto result = nlohmann::json::parse(bench.out);
  for (const char* stage : {"list", "fetch", "decode_one", "decode_all", "stream"}) {
    EXPECT_GT(result[stage]["images"], 0) << stage;
    EXPECT_GT(result[stage]["cpu_seconds_per_1000"], 0) << stage;
    EXPECT_LE(result[stage]["seconds"], 1.5) << stage;
  }
  const int images = result["fetch"]["images"], failures = result["fetch"]["failures"];
  EXPECT_EQ(images + failures, 1000) << "the list again and again";
  EXPECT_EQ(failures, 1000 / 41 + (failures > 1000 / 41)) << "one in each pass";
  EXPECT_GT(result["stream"]["images"], 500);
  EXPECT_LE(result["stream"]["images"], 1000 + 31) << "in batches of 32";
  EXPECT_EQ(result["rows"], 41);
  EXPECT_GE(result["decode_one"]["images"], 40) << "from memory, as often as there is time";
  EXPECT_LT(result["best"], 1.0001 * result["decode_all"]["images_per_second"].get<double>());
  EXPECT_THAT(read_file(errors()), HasSubstr("measuring decode, all threads for 1 s"));
  EXPECT_THAT(run("bench " + list() + " --seconds 1").out, HasSubstr("64 cores"));
  use_list("{\"url\":\"missing.png\"}\n");
  EXPECT_EQ(run("bench " + list() + " --seconds 1").code, 1);
  EXPECT_THAT(read_file(errors()), HasSubstr("no image of "));
  EXPECT_EQ(run("bench " + list() + " --seconds 0").code, 2);
}

TEST_F(AtelierDataTest, APackedStoreTakesTheListsPlace) {
  const std::string store = (folder_ / "store").string();
  const Outcome packed = run("pack " + list() + " " + store);
  EXPECT_EQ(packed.code, 0);
  EXPECT_EQ(packed.out, store + " holds 40 of 41 images in 1 shard; failures: missing-file 1\n");
  const std::string expected = run("stream " + list() + " --dump 90 --seed 3").out;
  for (int row = 0; row < 40; ++row) std::filesystem::remove(folder_ / (std::to_string(row) + ".png"));
  EXPECT_EQ(run("stream " + store + " --dump 90 --seed 3").out, expected);
  EXPECT_EQ(run("labels " + store).out, run("labels " + list()).out);
  EXPECT_EQ(run("pack " + list() + " " + store).code, 0) << "nothing is left to be fetched";
  const Outcome good = run("verify " + store);
  EXPECT_EQ(good.code, 0);
  EXPECT_THAT(good.out, HasSubstr("40 bodies in 1 shard"));
  std::fstream shard(store + "/shard-00000.h5", std::ios::binary | std::ios::in | std::ios::out);
  shard.seekp(3000);
  shard.put('?');
  shard.close();
  const Outcome damaged = run("verify " + store);
  EXPECT_EQ(damaged.code, 1);
  EXPECT_THAT(damaged.out, HasSubstr("shard-00000.h5 is not as it was sealed"));
}

TEST_F(AtelierDataTest, PackAndVerifySayAsJsonWhatTheyFound) {
  const std::string store = (folder_ / "store").string();
  const auto packed = nlohmann::json::parse(run("pack " + list() + " " + store + " --json").out);
  EXPECT_EQ(packed["store"], store);
  EXPECT_EQ(packed["images"], 40);
  EXPECT_EQ(packed["rows"], 41);
  EXPECT_EQ(packed["shards"], 1);
  EXPECT_EQ(packed["complete"], true);
  EXPECT_EQ(packed["stream"]["failures"]["missing-file"], 1);
  const auto good = nlohmann::json::parse(run("verify " + store + " --json").out);
  EXPECT_EQ(good["images"], 40);
  EXPECT_EQ(good["bodies"], 40);
  EXPECT_EQ(good["rows"], 41);
  EXPECT_EQ(good["damages"].size(), 0u);
  std::filesystem::remove(store + "/shard-00000.h5");
  const Outcome bad = run("verify " + store + " --json");
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(nlohmann::json::parse(bad.out)["images"], 0);
  EXPECT_THAT(nlohmann::json::parse(bad.out)["damages"][0], HasSubstr("shard-00000.h5"));
}

TEST_F(AtelierDataTest, PackHoldsEveryRowHoweverTheRunDrawsThem) {
  std::string text;  // 3 beds, and 37 chairs; 33 wide pictures, and 7 squares
  for (uint64_t row = 0; row < 40; ++row) {
    text += "{\"url\":\"" + std::to_string(row) + ".png\",\"label\":\"" + (row < 3 ? "bed" : "chair") + "\",";
    text += std::string("\"width\":") + (row < 33 ? "200" : "100") + ",\"height\":100}\n";
  }
  use_list(text);
  for (const std::string settings : {"--data.balance label", "--data.shapes buckets --train.batch_size 32",
                                     "--data.balance label --data.shapes buckets --data.held_out 0.3"}) {
    const TemporaryFolder stores;
    const std::string store = (stores.path() / "store").string();
    const Outcome packed = run("pack " + list() + " " + store + " " + settings);
    EXPECT_EQ(packed.code, 0) << settings;
    EXPECT_THAT(packed.out, HasSubstr("holds 40 of 40 images")) << settings;
  }
}

TEST_F(AtelierDataTest, APackMendsWhatVerifyNames) {
  const std::string store = (folder_ / "store").string();
  EXPECT_EQ(run("pack " + list() + " " + store).code, 0);
  std::fstream shard(store + "/shard-00000.h5", std::ios::binary | std::ios::in | std::ios::out);
  shard.seekp(3000);
  shard.put('?');
  shard.close();
  const Outcome damaged = run("verify " + store);
  EXPECT_EQ(damaged.code, 1);
  EXPECT_THAT(damaged.out, HasSubstr("2 damages found\natelier-data pack, with the same list and folder, "));
  const Outcome again = run("pack " + list() + " " + store);
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.out, HasSubstr("; sealed 39 images of damaged shards anew; removed 1 shard that nothing led to"));
  EXPECT_FALSE(std::filesystem::exists(store + "/shard-00000.h5"));
  const Outcome mended = run("verify " + store);
  EXPECT_EQ(mended.code, 0);
  EXPECT_THAT(mended.out, ::testing::StartsWith("40 bodies in 2 shards"));
  EXPECT_THAT(mended.out, ::testing::EndsWith("40 of 41 rows have their image; 0 damages found\n"));
  for (int row = 0; row < 40; ++row) std::filesystem::remove(folder_ / (std::to_string(row) + ".png"));
  EXPECT_EQ(nlohmann::json::parse(run("stream " + store + " --json").out)["failures"]["missing-file"], 1);
}

TEST_F(AtelierDataTest, OnlyOnePacksIntoAFolderUntilItIsKilled) {
  std::atomic<bool> hangs = true;
  LoopbackServer server([&](const HttpRequest&, HttpReply& reply) {
    if (hangs) return reply.hang();
    const auto bytes = picture(1);
    reply.send_answer(200, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  });
  use_list("{\"url\":\"" + server.url("/1") + "\"}\n");
  const std::string store = (folder_ / "store").string(), program = std::string(ATELIER_BIN_DIR) + "/atelier-data";
  const pid_t first = ::fork();
  if (first == 0) {
    ::execl(program.c_str(), program.c_str(), "pack", list().c_str(), store.c_str(), "--data.allow_private", "true",
            nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 1000 && server.requests().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::string again =
      "pack " + list() + " " + store +
      " --data.allow_private true --data.head_timeout 5 --data.get_timeout 5 --data.sample_deadline 0";
  EXPECT_EQ(run(again).code, 2);
  EXPECT_THAT(read_file(errors()),
              HasSubstr("is being filled by another pack (process " + std::to_string(first) + " on "));
  ::kill(first, SIGKILL);
  ::waitpid(first, nullptr, 0);
  hangs = false;
  EXPECT_EQ(run(again).code, 0);
  EXPECT_EQ(run("verify " + store).code, 0);
}

TEST_F(AtelierDataTest, AsksForNoMoreThanItIsToldTo) {
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    const uint64_t row = std::stoull(request.path.substr(1));
    const auto bytes = picture(row);
    if (row == 2)
      reply.send_answer(404, "gone");
    else
      reply.send_answer(200, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  });
  std::string urls;
  for (int row = 0; row < 200; ++row) urls += "{\"url\":\"" + server.url("/") + std::to_string(row) + "\"}\n";
  use_list(urls);
  const std::string flags = " --data.allow_private true --data.head never --data.shuffle none";
  const Outcome dump = run("stream " + list() + flags + " --dump 7");
  EXPECT_EQ(std::count(dump.out.begin(), dump.out.end(), '\n'), 7);
  EXPECT_EQ(server.count("GET"), 7 + 1) << "a substitute for row 2";
  const auto pass = nlohmann::json::parse(run("stream " + list() + flags + " --json").out);
  EXPECT_EQ(pass["delivered"], 200);
  EXPECT_EQ(pass["failures"]["http-status"], 1) << "none of what comes after the pass";
  EXPECT_EQ(server.count("GET"), 8 + 201);
  EXPECT_EQ(run("pack " + list() + " " + (folder_ / "store").string() + flags).code, 0);
  EXPECT_LE(server.count("GET"), 209 + 201) << "the substitute may be asked for before it has come for itself";
}

TEST_F(AtelierDataTest, AListThatIsPackedChangesNothing) {
  ASSERT_EQ(std::system(("gzip -k " + list()).c_str()), 0);
  const std::string packed = list() + ".gz", store = (folder_ / "store").string();
  const std::string cache = " --cache " + (folder_ / "cache").string();
  EXPECT_EQ(run("stream " + packed + " --dump 90" + cache).out, run("stream " + list() + " --dump 90" + cache).out);
  EXPECT_EQ(run("pack " + packed + " " + store).code, 0);
  EXPECT_EQ(read_file(store + "/list.jsonl"), read_file(list()));
  EXPECT_EQ(run("stream " + store + " --dump 90").out, run("stream " + list() + " --dump 90").out);
}

TEST_F(AtelierDataTest, APackThatCannotBeWrittenEndsWithOneAndGoesOnAfterwards) {
  const std::filesystem::path store = folder_ / "store";
  EXPECT_EQ(run("pack " + list() + " " + store.string()).code, 0);
  const std::string index = read_file(store / "index.json");
  std::filesystem::remove(store / "places");
  std::filesystem::resize_file(store / "shard-00000.h5", 100);
  std::filesystem::create_directories(store / "shard-00001.h5" / "in the way");
  EXPECT_EQ(run("pack " + list() + " " + store.string()).code, 1);
  EXPECT_THAT(read_file(errors()),
              AllOf(HasSubstr("shard-00001.h5"), HasSubstr("the same command goes on from there")));
  EXPECT_EQ(read_file(store / "index.json"), index);
  std::filesystem::remove_all(store / "shard-00001.h5");
  EXPECT_THAT(run("pack " + list() + " " + store.string()).out, HasSubstr("holds 40 of 41 images in 1 shard; "))
      << "the one that was cut short is gone";
}

TEST_F(AtelierDataTest, ACacheSpansRuns) {
  const std::string flags = " --dump 90 --seed 3 --cache " + (folder_ / "cache").string();
  const std::string expected = run("stream " + list() + flags).out;
  for (int row = 0; row < 40; ++row) std::filesystem::remove(folder_ / (std::to_string(row) + ".png"));
  EXPECT_EQ(run("stream " + list() + flags).out, expected);
  std::ofstream(folder_ / "list.jsonl", std::ios::app) << "{\"url\":\"more.png\"}\n";
  EXPECT_EQ(run("stream " + list() + flags).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("holds the images of another list"));
}

TEST_F(AtelierDataTest, StreamsAndPacksFoldersAndTars) {
  std::filesystem::create_directories(folder_ / "all" / "chair");
  std::string tar;
  for (int row = 10; row < 40; ++row) {  // as many digits each, so that the folder's order is that of the numbers
    const std::string name = std::to_string(row) + ".png";
    std::filesystem::copy(folder_ / name, folder_ / "all" / "chair" / name);
    tar += tar_member("chair/" + name, read_file(folder_ / name)) +
           tar_member("chair/" + std::to_string(row) + ".cls", "chair");
  }
  std::ofstream(folder_ / "0.tar", std::ios::binary) << tar << kTarEnd;
  const std::string folder = (folder_ / "all").string(), tars = "'" + (folder_ / "{0,0}.tar").string() + "'";
  const std::string dumped = run("stream " + folder + " --dump 60 --seed 3").out;
  EXPECT_EQ(std::count(dumped.begin(), dumped.end(), '\n'), 60);
  EXPECT_EQ(run("stream " + (folder_ / "0.tar").string() + " --dump 60 --seed 3").out, dumped);
  EXPECT_EQ(run("labels " + folder).out, "30\tchair\n");
  EXPECT_EQ(run("labels " + tars).out, "60\tchair\n");

  const std::string expected = run("stream " + tars + " --dump 90").out, store = (folder_ / "store").string();
  EXPECT_THAT(run("pack " + tars + " " + store).out, HasSubstr("holds 60 of 60 images in 1 shard"));
  std::filesystem::remove(folder_ / "0.tar");
  EXPECT_EQ(run("stream " + store + " --dump 90").out, expected);
  EXPECT_EQ(run("labels " + store).out, "60\tchair\n");
  EXPECT_EQ(run("pack " + folder + " " + store).code, 2) << "another list";
}

TEST_F(AtelierDataTest, KeepsSecretsOutOfAllThatItWrites) {
  const std::string secret = "hunter2-and-more";
  const auto bytes = picture(1);
  const std::string image(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::atomic<int> strangers = 0;
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    const auto token = request.headers.find("authorization");
    if (token == request.headers.end() || token->second != "Bearer " + secret) ++strangers;
    request.path == "/gone" ? reply.send_answer(403, secret, {"X-Echo: " + secret}) : reply.send_answer(200, image);
  });
  use_list("{\"url\":\"" + server.url("/good") + "\"}\n{\"url\":\"" + server.url("/gone") + "\"}\n");
  const std::filesystem::path file = folder_ / "credentials", ledger = folder_ / "ledger.jsonl";
  std::ofstream(file) << "[" + server.url() + "]\nAuthorization: Bearer ${ATELIER_TEST}${STUDIO_TOKEN}\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string settings = " --data.allow_private true --data.credentials " + file.string();
  EXPECT_EQ(run("stream " + list() + settings).code, 2) << "no such variable in the environment";
  EXPECT_THAT(read_file(errors()), HasSubstr("credentials, line 2: the environment has no ATELIER_TEST"));
  EXPECT_TRUE(server.requests().empty());

  std::ofstream(file) << "[" + server.url() + "]\nAuthorization: Bearer ${STUDIO_TOKEN}\n";
  ::setenv("STUDIO_TOKEN", secret.c_str(), 1);
  std::string written;
  const Outcome stream = run("stream " + list() + settings + " --json --ledger " + ledger.string());
  EXPECT_EQ(stream.code, 0);
  written += stream.out + read_file(errors()) + read_file(ledger);
  const Outcome config = run("stream " + list() + settings + " --show-config");
  written += config.out + read_file(errors());
  ::unsetenv("STUDIO_TOKEN");
  EXPECT_GT(server.requests().size(), 0u);
  EXPECT_EQ(strangers, 0);
  EXPECT_THAT(written, HasSubstr("HTTP 403"));
  EXPECT_THAT(written, HasSubstr(file.string()));
  EXPECT_THAT(written, ::testing::Not(HasSubstr("hunter2")));
}

TEST_F(AtelierDataTest, RefusesProxiesAndCertificatesThatAreNone) {
  EXPECT_EQ(run("stream " + list() + " --data.proxy http://user:hunter2@127.0.0.1:1").code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("data.proxy cannot be that: it holds credentials"));
  EXPECT_THAT(read_file(errors()), ::testing::Not(HasSubstr("hunter2")));
  EXPECT_EQ(run("stream " + list() + " --data.ca_file " + (folder_ / "none.pem").string()).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("data.ca_file cannot be"));
}

TEST_F(AtelierDataTest, ShowsTheOrderWithoutFetchingAnything) {
  const std::string which = list() + " --dump 60 --start 7 --seed 3 --data.held_out 0.3";
  std::istringstream streamed(run("stream " + which).out);
  for (int row = 0; row < 40; ++row) std::filesystem::remove(folder_ / (std::to_string(row) + ".png"));
  std::istringstream ordered(run("order " + which).out);
  int positions = 0;
  for (std::string sample, place; std::getline(streamed, sample) && std::getline(ordered, place); ++positions) {
    if (place.ends_with(",40")) continue;  // it has a substitute
    EXPECT_EQ(place, sample.substr(0, sample.rfind(',')));
  }
  EXPECT_EQ(positions, 60);
  const std::string quality = run("order " + list() + " --quality").out;
  for (const char* name : {"perfect", "full", "window 1000", "none "}) EXPECT_THAT(quality, HasSubstr(name));
  EXPECT_THAT(quality, ContainsRegex("none +1.0000 +0.0244"));
}

TEST_F(AtelierDataTest, CountsTheLabels) {
  EXPECT_EQ(run("labels " + list()).out, "10\tbed\n30\tchair\n1\t(no label)\n");
}

TEST_F(AtelierDataTest, AFilterHoldsInEveryCommand) {
  const std::string which = list() + " --where label=bed";
  EXPECT_EQ(run("labels " + which).out, "10\tbed\n0\tchair\n");
  std::istringstream lines(run("order " + which + " --seed 3").out);
  std::set<int> rows;
  for (std::string line; std::getline(lines, line);) rows.insert(std::stoi(line.substr(line.find(',') + 1)));
  EXPECT_EQ(rows, (std::set<int>{0, 4, 8, 12, 16, 20, 24, 28, 32, 36}));
  const std::string store = (folder_ / "beds").string();
  EXPECT_THAT(run("pack " + list() + " " + store + " --where label=bed").out, HasSubstr("holds 10 of 10 images"));
  EXPECT_EQ(run("stream " + store + " --dump 30 --where label=bed").out, run("stream " + which + " --dump 30").out);
  EXPECT_EQ(run("stream " + list() + " --where lable=bed").code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("did you mean label?"));
}

TEST_F(AtelierDataTest, CreditsNameThoseWhoMustBeNamed) {
  use_list(
      "{\"url\":\"1.png\",\"creator\":\"Ana\",\"licence\":\"CC-BY-3.0\",\"label\":\"bed\"}\n"
      "{\"url\":\"2.png\",\"creator\":\"Ben\",\"licence\":\"CC-BY-3.0\",\"label\":\"sofa\"}\n"
      "{\"url\":\"missing.png\",\"creator\":\"Cleo\",\"licence\":\"CC-BY-3.0\",\"label\":\"sofa\"}\n"
      "{\"url\":\"3.png\",\"licence\":\"who knows\",\"label\":\"sofa\"}\n");
  const std::string ledger = (folder_ / "ledger.jsonl").string();
  EXPECT_EQ(run("stream " + list() + " --ledger " + ledger).code, 0);
  const Outcome credits = run("credits " + list() + " --ledger " + ledger + " --where label=sofa");
  EXPECT_EQ(credits.code, 0);
  EXPECT_EQ(credits.out, "Ben, CC-BY-3.0 (https://creativecommons.org/licenses/by/3.0/): 1 work\n  " +
                             (folder_ / "2.png").string() + "\n");
  EXPECT_THAT(read_file(errors()), HasSubstr("look for yourself: \"who knows\" 1"));
  EXPECT_EQ(nlohmann::json::parse(run("credits " + list() + " --json").out)["attributions"].size(), 3u);
}

TEST_F(AtelierDataTest, RefusesFlagsThatACommandDoesNotTake) {
  for (const char* command :
       {"labels LIST --json", "verify LIST --held-out", "order LIST --ledger x", "pack LIST s --out x",
        "stream LIST --sample 3", "bench LIST --dump 3", "credits LIST --out x"}) {
    std::string line = command;
    line.replace(line.find("LIST"), 4, list());
    EXPECT_EQ(run(line).code, 2) << line;
    EXPECT_THAT(read_file(errors()), HasSubstr(" takes no --")) << line;
  }
  run("labels " + list() + " --json");
  EXPECT_EQ(
      read_file(errors()),
      "atelier-data: labels takes no --json; leave it out (it is for stream, pack, verify, bench, probe, credits, "
      "retry)\n");
}

TEST_F(AtelierDataTest, TheListWithoutAFlagIsASettingToo) {
  EXPECT_THAT(run("stream a.csv --data.list b.csv --show-config").out, HasSubstr("list: \"a.csv\""));
  EXPECT_THAT(run("retry ledger.jsonl a.csv --show-config").out, HasSubstr("list: \"a.csv\""));
  EXPECT_THAT(run("retry ledger.jsonl --show-config").out, HasSubstr("list: \"\""));
  EXPECT_THAT(run("stream a.csv --show-config").out, ContainsRegex("a.csv\" +# argument"));
}

TEST_F(AtelierDataTest, KeysThatHaveEndedEndEveryCommandAndAreNobodysVerdict) {
  // Threads look into a store side by side, so which image is asked for first is open: the keys end after the first
  // one.
  std::atomic<bool> has_verdict = true;
  const LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/b/gone.png") has_verdict = true;
    const int status = request.path == "/b/gone.png" ? 404 : has_verdict ? 400 : 503;
    reply.send_answer(status, status == 400 ? "<Error><Code>ExpiredToken</Code></Error>" : "");
  });
  AwsEnvironment aws;
  aws.set_keys("AKID", "secret");
  aws.set("AWS_ENDPOINT_URL", server.url(""));
  use_list("{\"url\":\"s3://b/gone.png\"}\n{\"url\":\"s3://b/0.png\"}\n{\"url\":\"s3://b/1.png\"}\n");
  const std::string before = (folder_ / "before.jsonl").string(), ledger = (folder_ / "ledger.jsonl").string();
  std::ofstream(before) << to_json(
      {.entry = 1, .position = 0, .url = "s3://b/0.png", .fault = Fault::kTimeout, .detail = "slow", .attempts = 1});
  const std::string one_by_one = " --allow-private --data.connections 1 --data.shuffle none --ledger " + ledger;
  for (const std::string& command :
       {"stream " + list() + one_by_one, "pack " + list() + " " + (folder_ / "store").string() + one_by_one,
        "probe " + list() + " --allow-private", "retry " + before + " --allow-private"}) {
    has_verdict = command.find(ledger) == std::string::npos;
    EXPECT_EQ(run(command).code, 2) << command;
    EXPECT_THAT(read_file(errors()), HasSubstr("HTTP 400 to GET, ExpiredToken: the session has ended")) << command;
    if (command.find(ledger) == std::string::npos) continue;
    const Verdicts verdicts = Verdicts::from_jsonl(read_file(ledger));
    EXPECT_TRUE(verdicts.has(0)) << "what was known before is written";
    EXPECT_EQ(verdicts.all().size(), 1u) << command;
    std::filesystem::remove(ledger);
  }
}

TEST_F(AtelierDataTest, ListsThatNothingElseCanHelpEndWithTwo) {
  const std::string ledger = (folder_ / "ledger.jsonl").string();
  for (const char* url : {"http://10.0.0.1/a.png", "ftp://example.org/a.png", "missing.png"}) {
    use_list("{\"url\":\"" + std::string(url) + "\"}\n");
    EXPECT_EQ(run("stream " + list() + " --ledger " + ledger).code, 2) << url;
    EXPECT_TRUE(Verdicts::from_jsonl(read_file(ledger)).has(0)) << "the ledger is written all the same";
    std::filesystem::remove(ledger);
  }
  use_list("{\"url\":\"0.png\",\"condition_url\":\"none.png\"}\n");
  EXPECT_EQ(run("stream " + list() + " --data.condition file").code, 2);
  const LoopbackServer gone([](const HttpRequest&, HttpReply& reply) { reply.send_answer(404, ""); });
  use_list("{\"url\":\"" + gone.url("/a.png") + "\"}\n");
  EXPECT_EQ(run("stream " + list() + " --allow-private").code, 1);
}

TEST_F(AtelierDataTest, SentencesSayWhatAndWhere) {
  EXPECT_EQ(run("stream https://example.org/list.csv").code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("https://example.org/list.csv is a url"));
  EXPECT_EQ(run("retry " + list()).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("line 1 of the ledger is no verdict: it is not valid JSON, or an object"));
  EXPECT_EQ(read_file(errors()).find("json.exception"), std::string::npos);
  const auto closed = folder_ / "images" / "closed";
  std::filesystem::create_directories(closed);
  std::filesystem::copy_file(folder_ / "0.png", folder_ / "images" / "0.png");
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  if (::access(closed.c_str(), R_OK) == 0) GTEST_SKIP() << "whoever runs this may read everything";
  EXPECT_EQ(run("labels " + (folder_ / "images").string()).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("cannot read the folder " + closed.string() + ": Permission denied"));
}

TEST_F(AtelierDataTest, NothingFromAListReachesATerminalRaw) {
  use_list(
      "{\"url\":\"0.png\",\"label\":\"a\\u001b[2Jb\",\"licence\":\"CC-BY-4.0\",\"creator\":\"c\\u001b[1m\"}\n"
      "{\"url\":\"none\\u009b.png\",\"label\":\"a\\u001b[2Jb\"}\n");
  EXPECT_EQ(run("labels " + list()).out, "2\ta\\x1b[2Jb\n");
  const std::string all = run("credits " + list() + " 2>&1").out + run("probe " + list() + " 2>&1").out +
                          run("order " + list() + " --quality --data.balance label 2>&1").out +
                          run("stream " + list() + " --data.balance label --data.max_failure_rate 0 2>&1").out;
  EXPECT_THAT(all, HasSubstr("c\\x1b[1m"));
  EXPECT_EQ(all.find('\x1b'), std::string::npos) << all;
  EXPECT_EQ(all.find("\xc2\x9b"), std::string::npos) << all;
}

TEST_F(AtelierDataTest, ProbeAndRetryTakeMixesWithStores) {
  const std::string store = (folder_ / "store").string(), ledger = (folder_ / "ledger.jsonl").string();
  EXPECT_EQ(run("pack " + list() + " " + store).code, 0);
  for (int row = 0; row < 40; ++row) std::filesystem::remove(folder_ / (std::to_string(row) + ".png"));
  std::ofstream(folder_ / "two.txt") << "gone.png\n";
  std::ofstream(folder_ / "both.mix") << "1 store\n1 two.txt\n";
  const std::string mix = (folder_ / "both.mix").string();
  const Outcome probed = run("probe " + mix + " --json");
  EXPECT_EQ(probed.code, 0);
  const auto report = nlohmann::json::parse(probed.out);
  EXPECT_EQ(report["asked"], 42);
  EXPECT_EQ(report["alive"], 40) << "the store has them, though their files are gone";
  EXPECT_EQ(report["failures"]["missing-file"], 2);
  EXPECT_EQ(report["without_length"], 0);
  EXPECT_EQ(nlohmann::json::parse(run("probe " + store + " --json").out)["alive"], 40);
  run("stream " + mix + " --ledger " + ledger);
  std::filesystem::copy_file(folder_ / "list.jsonl", folder_ / "gone.png");
  const Outcome retried = run("retry " + ledger + " " + mix + " --json");
  EXPECT_EQ(retried.code, 0) << read_file(errors());
  EXPECT_EQ(nlohmann::json::parse(retried.out)["failing_with"]["not-an-image"], 1);
}

TEST_F(AtelierDataTest, AConditionThatNoRowOfAListOfAMixMeetsNamesTheList) {
  std::ofstream(folder_ / "beds.jsonl") << "{\"url\":\"0.png\",\"label\":\"bed\"}\n";
  std::ofstream(folder_ / "both.mix") << "1 list.jsonl\n1 beds.jsonl\n";
  const std::string mix = (folder_ / "both.mix").string();
  EXPECT_EQ(run("labels " + mix + " --where label=bed").out, "11\tbed\n0\tchair\n");
  EXPECT_EQ(run("labels " + mix + " --where label=chair").code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("both.mix: "));
  EXPECT_THAT(read_file(errors()), HasSubstr("beds.jsonl: data.where lets no row through"));
}

TEST_F(AtelierDataTest, ProbeGroupsPicturesThatLookAlike) {
  std::string rows;
  for (unsigned row = 0; row < 6; ++row) {
    const Image image = scene(row % 3);
    const auto bytes = row < 3 ? encode_png(image) : encode_jpeg(image, 50);
    std::ofstream(folder_ / ("scene" + std::to_string(row)), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    rows += "{\"url\":\"scene" + std::to_string(row) + "\"}\n";
  }
  use_list(rows);
  const auto report = nlohmann::json::parse(run("probe " + list() + " --sample 0 --similar --json").out)["similar"];
  ASSERT_EQ(report["groups"].size(), 3u);
  for (size_t group = 0; group < 3; ++group) {
    EXPECT_EQ(report["groups"][group][0]["row"], group);
    EXPECT_EQ(report["groups"][group][1]["row"], group + 3);
  }
  EXPECT_FALSE(nlohmann::json::parse(run("probe " + list() + " --json").out).contains("similar"));
}

TEST_F(AtelierDataTest, ProbeSaysWhatAListIsWorth) {
  const Outcome all = run("probe " + list());
  EXPECT_EQ(all.code, 0);
  EXPECT_THAT(all.out, HasSubstr("41 of 41 rows asked for\n"));
  EXPECT_THAT(all.out, HasSubstr(": missing-file 1\n"));
  const std::string some = run("probe " + list() + " --sample 10 --json --seed 5").out;
  EXPECT_EQ(nlohmann::json::parse(some)["asked"], 10);
  EXPECT_EQ(run("probe " + list() + " --sample 10 --json --seed 5").out, some);
}

TEST_F(AtelierDataTest, RetryAsksForWhatFailedAndWritesWhatIsLeft) {
  const std::string ledger = (folder_ / "ledger.jsonl").string(), left = (folder_ / "left.jsonl").string();
  EXPECT_EQ(run("stream " + list() + " --ledger " + ledger).code, 0);
  const Outcome still = run("retry " + ledger + " --out " + left);
  EXPECT_EQ(still.code, 0);
  EXPECT_EQ(still.out, "1 of 1 entries asked for again: 0 healed, 1 still failing\nfailing with: missing-file 1\n");
  EXPECT_TRUE(Verdicts::from_jsonl(read_file(left)).has(40));
  std::filesystem::copy(folder_ / "1.png", folder_ / "missing.png");
  const std::string before = read_file(ledger);
  const Outcome healed = run("retry " + ledger + " " + list() + " --json");
  EXPECT_EQ(nlohmann::json::parse(healed.out)["healed"], 1);
  EXPECT_EQ(read_file(ledger), before) << "nothing is written where nobody asked for it";
  EXPECT_EQ(run("retry " + ledger + " --out " + ledger).code, 0);
  EXPECT_EQ(read_file(ledger), "");
  EXPECT_THAT(read_file(errors()), HasSubstr("0 verdicts left in " + ledger));
}

TEST_F(AtelierDataTest, ACheckpointsLedgerIsNotOverwritten) {
  std::ofstream(folder_ / "state.json") << "{}";
  std::ofstream(folder_ / "verdicts.jsonl");
  const std::string ledger = (folder_ / "verdicts.jsonl").string();
  EXPECT_EQ(run("retry " + ledger).code, 0);
  EXPECT_EQ(run("retry " + ledger + " --out " + ledger).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("a checkpoint's files are sealed"));
}

TEST_F(AtelierDataTest, WritesOverNothingThatItReadsAndNoDevice) {
  const std::string text = read_file(folder_ / "list.jsonl"), fifo = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& arguments :
       {"stream " + list() + " --ledger " + list(), "stream " + list() + " --report " + list(),
        "stream " + list() + " --ledger " + fifo,
        "pack " + list() + " " + (folder_ / "st").string() + " --report " + list(),
        "stream " + list() + " --ledger " + (folder_ / "a").string() + " --report " + (folder_ / "a").string()}) {
    EXPECT_EQ(run(arguments).code, 2) << arguments;
  }
  EXPECT_EQ(read_file(folder_ / "list.jsonl"), text);
  EXPECT_TRUE(std::filesystem::is_fifo(fifo));
}

TEST_F(AtelierDataTest, ClosedAndFullStandardStreamsHarmNothing) {
  const std::string store = (folder_ / "store").string();
  EXPECT_EQ(run("pack " + list() + " " + store + " >&- 2>&- #").code, 1) << "what it found cannot be told";
  EXPECT_EQ(run("pack " + list() + " " + store + " > /dev/null 2>&- #").code, 0);
  EXPECT_THAT(run("verify " + store).out, HasSubstr("40 of 41 rows have their image; 0 damages"));
  EXPECT_EQ(run("stream " + list() + " 2> /dev/full").code, 0);
  EXPECT_EQ(run("labels nope 2> /dev/full").code, 2);
  EXPECT_EQ(run("labels " + list() + " >&-").code, 1);
}

TEST_F(AtelierDataTest, MistakesAreOneSentenceAndExitCodeTwo) {
  std::filesystem::create_directories(folder_ / "folder" / "of things");
  const std::string folder = (folder_ / "folder").string();
  for (const std::string& arguments : {std::string("stream nowhere.jsonl"),
                                       std::string("stream"),
                                       std::string(),
                                       "dance " + list(),
                                       "stream " + list() + " --dump many",
                                       "stream " + list() + " --dump 3 --json",
                                       "stream " + list() + " --held-out",
                                       "stream " + folder,
                                       "pack " + list(),
                                       "pack " + list() + " " + folder,
                                       "pack " + folder + " " + folder + "/store",
                                       "verify " + list(),
                                       "verify " + folder,
                                       (std::string("stream ") + (folder_ / "none.tar").string()),
                                       std::string("stream 'a/{0..9.tar'"),
                                       std::string("stream 0.tar.gz"),
                                       "stream " + list() + " more",
                                       "stream " + list() + " --cache " + list(),
                                       std::string("verify"),
                                       std::string("retry"),
                                       "retry " + list(),
                                       "retry " + folder + "/none",
                                       "retry " + list() + " a b"}) {
    const Outcome mistake = run(arguments);
    EXPECT_EQ(mistake.code, 2) << arguments;
    EXPECT_EQ(mistake.out, "");
    const std::string sentence = read_file(errors());
    EXPECT_EQ(std::count(sentence.begin(), sentence.end(), '\n'), 1) << sentence;
  }
}

TEST_F(AtelierDataTest, RefusesMorePassesThanCanBeCounted) {
  std::string rows;
  for (int row = 0; row < 4096; ++row) rows += "{\"url\":\"missing.png\"}\n";
  use_list(rows);
  EXPECT_EQ(run("stream " + list() + " --passes 4503599627370496").code, 2);  // 2^52 passes over 2^12 rows
  EXPECT_THAT(read_file(errors()), HasSubstr("--passes takes at most 4503599627370495 for a list of 4096 rows"));
}

TEST_F(AtelierDataTest, AListThatFailsEndsWithOneSentence) {
  use_list("{\"url\":\"missing.png\"}\n");
  const std::string ledger = (folder_ / "ledger.jsonl").string();
  EXPECT_EQ(run("stream " + list() + " --ledger " + ledger).code, 2);
  EXPECT_THAT(read_file(errors()), HasSubstr("every entry of"));
  EXPECT_TRUE(Verdicts::from_jsonl(read_file(ledger)).has(0));
}

TEST_F(AtelierDataTest, AReaderThatHasHadEnoughEndsItQuietly) {
  const std::filesystem::path code = folder_ / "code", said = folder_ / "said";
  const std::string command = "{ " ATELIER_BIN_DIR "/atelier-data stream " + list() + " --dump 100000; echo $? > " +
                              code.string() + "; } 2> " + said.string() + " | head -n 2 > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_file(code), "0\n");
  EXPECT_EQ(read_file(said), "");
}

TEST_F(AtelierDataTest, AnInterruptEndsItWithinASecondWhileNothingComes) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  use_list("{\"url\":\"" + server.url("/never.png") + "\"}\n");
  const std::string program = std::string(ATELIER_BIN_DIR) + "/atelier-data", name = list(), sink = errors();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool redirected = std::freopen(sink.c_str(), "w", stderr) != nullptr;
    if (redirected)
      ::execl(program.c_str(), program.c_str(), "stream", name.c_str(), "--data.allow_private", "true", nullptr);
    ::_exit(99);
  }
  while (server.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto begin = std::chrono::steady_clock::now();
  ::kill(child, SIGINT);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
}

}  // namespace
}  // namespace atelier::test
