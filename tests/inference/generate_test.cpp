// The program atelier-generate, from the outside.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.h"
#include "images/decode.h"
#include "models/checkpoint.h"
#include "models/weights_file.h"
#include "tests/inference/child.h"
#include "tests/inference/png_text.h"
#include "tests/inference/tiny_run.h"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

using Words = std::vector<std::string>;

/// A run of a tiny model and a picture of a chair, and what a request to that model begins with.
class Generate : public testing::TestWithParam<std::string> {
 protected:
  Generate() {
    write_checkpoint(scratch_.path() / "run", spec());
    write_chair(scratch_ / "chair.png");
  }

  static bool is_pix2pix() { return GetParam() == "pix2pix"; }
  static ModelSpec spec() {
    ModelSpec spec = is_pix2pix() ? tiny_pix2pix() : tiny_diffusion();
    if (GetParam() == "flow") spec.objective = "flow";
    return spec;
  }

  Words request(const Words& more) const {
    Words words{"--checkpoint", scratch_ / "run", "--label", "sofa"};
    if (is_pix2pix())
      words.insert(words.end(), {"--image", scratch_ / "chair.png"});
    else
      words.insert(words.end(), {"--steps", "3"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  json reply(const Words& more) const {
    const Finished finished = generate(request(more));
    EXPECT_EQ(finished.code, 0) << finished.err;
    return json::parse(finished.out, nullptr, false);
  }

  static Image decoded(const json& entry) { return std::get<Image>(decode(from_base64(entry["b64_json"]))); }

  const Scratch scratch_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, Generate, testing::Values("diffusion", "flow", "pix2pix"),
                         [](const auto& kind) { return kind.param; });

TEST_P(Generate, AnswersWithOneDocumentThatHoldsEveryVariation) {
  const auto before = std::time(nullptr);
  const json answer = reply({"--variations", "3", "--seed", "7"});
  EXPECT_GE(answer["created"], before);
  EXPECT_LE(answer["created"], std::time(nullptr));
  ASSERT_EQ(answer["data"].size(), 3U);
  std::vector<Image> pictures;
  for (const json& entry : answer["data"]) {
    const auto png = from_base64(entry["b64_json"]);
    pictures.push_back(std::get<Image>(decode(png)));
    EXPECT_EQ(pictures.back().width, spec().image_size);
    EXPECT_EQ(entry["label"], "sofa");
    EXPECT_EQ(entry["model"], spec().kind);
    EXPECT_EQ(entry["position"], 320);
    EXPECT_EQ(entry["checkpoint"], sha256_file(checkpoint_folder(scratch_.path() / "run", 320) / "ema.safetensors"));
    EXPECT_EQ(entry["steps"], is_pix2pix() ? 1 : 3);
    EXPECT_GT(entry["milliseconds"], 0);
    json record = entry;
    for (const char* of_this_run : {"b64_json", "milliseconds", "request"}) record.erase(of_this_run);
    EXPECT_EQ(json::parse(read_png_text(png).at("atelier")), record);
  }
  EXPECT_EQ(answer["data"][0]["seed"], 7);
  EXPECT_NE(pictures[0], pictures[1]);
  EXPECT_NE(pictures[1], pictures[2]);
}

TEST_P(Generate, MakesAnyVariationAgainFromItsRecordByteForByte) {
  const json third = reply({"--variations", "3", "--seed", "7"})["data"][2];
  const json again = reply({"--variations", "1", "--seed", third["seed"].dump()});
  ASSERT_EQ(again["data"].size(), 1U);
  EXPECT_EQ(again["data"][0]["b64_json"], third["b64_json"]);
}

TEST_P(Generate, WritesTheSamePngsAsFilesAndAContactSheet) {
  const json answer =
      reply({"--variations", "2", "--seed", "7", "--out", scratch_ / "designs", "--grid", scratch_ / "sheets/all.png"});
  for (const json& entry : answer["data"]) {
    const std::string name = "sofa-" + entry["seed"].dump() + ".png";
    EXPECT_EQ(entry["file"], (scratch_.path() / "designs" / name).string());
    const auto png = from_base64(entry["b64_json"]);
    EXPECT_EQ(read_text(entry["file"]), std::string(reinterpret_cast<const char*>(png.data()), png.size()));
  }
  const std::string sheet = read_text(scratch_ / "sheets/all.png");
  const Image picture = std::get<Image>(decode(std::as_bytes(std::span(sheet))));
  const int cells = is_pix2pix() ? 4 : 2;  // pix2pix: the outline and its picture first
  EXPECT_EQ(picture.width, cells * 256 + (cells - 1) * 4);
}

TEST_P(Generate, UsesTheRawWeightsWhenAskedTo) {
  const json average = reply({})["data"][0], raw = reply({"--generate.average", "false"})["data"][0];
  EXPECT_EQ(raw["average"], false);
  EXPECT_EQ(raw["checkpoint"], sha256_file(checkpoint_folder(scratch_.path() / "run", 320) / "model.safetensors"));
  EXPECT_NE(raw["b64_json"], average["b64_json"]);
}

TEST_P(Generate, MakesTheSamePicturesFromAWeightsFile) {
  const fs::path folder = checkpoint_folder(scratch_.path() / "run", 320), file = scratch_.path() / "one.safetensors";
  WeightsFile weights = load_weights(folder / "ema.safetensors");
  weights.weights = "average";
  weights.position = 320;
  save_weights(file, weights);
  const auto from_weights = [&]() -> json {
    Words words = request({"--seed", "7"});
    words[1] = file;
    const Finished finished = generate(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return json::parse(finished.out, nullptr, false)["data"][0];
  };
  const json from_run = reply({"--seed", "7"})["data"][0], from_file = from_weights();
  EXPECT_EQ(decoded(from_file), decoded(from_run));
  EXPECT_EQ(from_file["position"], 320);
  EXPECT_EQ(from_file["average"], true);
  EXPECT_EQ(from_file["checkpoint"], sha256_file(file));

  fs::remove(file);
  weights.weights = "raw";
  save_weights(file, weights);
  EXPECT_EQ(from_weights()["average"], false);
}

/// What went wrong, and that nothing was written.
class Refusal : public testing::Test {
 protected:
  /// Runs a request that also asks for files, and returns what it says.
  std::string refuse(Words words) const {
    for (const char* place : {"--out", "--grid"})
      if (std::find(words.begin(), words.end(), place) == words.end())
        words.insert(words.end(), {place, scratch_ / (place == std::string("--out") ? "designs" : "sheet.png")});
    const auto before = count_files();
    const Finished finished = generate(words);
    EXPECT_EQ(finished.code, 2);
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(count_files(), before);
    EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
    return finished.err;
  }

  ptrdiff_t count_files() const {
    return std::distance(fs::recursive_directory_iterator(scratch_.path()), fs::recursive_directory_iterator());
  }

  fs::path run() const { return scratch_.path() / "run"; }
  std::string refuse_checkpoint() const { return refuse({"--checkpoint", run().string(), "--label", "chair"}); }

  const Scratch scratch_;
};

TEST_F(Refusal, OfARequestThatDoesNotFitTheModel) {
  write_checkpoint(run(), tiny_diffusion());
  const auto refuse_with = [&](Words words) {
    words.insert(words.end(), {"--checkpoint", run().string()});
    return refuse(words);
  };
  EXPECT_THAT(refuse_with({"--label", "chiar"}), HasSubstr("chair, sofa, table"));
  EXPECT_THAT(refuse_with({"--variations", "0"}), HasSubstr("variations"));
  EXPECT_THAT(refuse_with({"--variations", "65"}), HasSubstr("1 to 64"));
  EXPECT_THAT(refuse_with({"--seed", "9007199254740992"}), HasSubstr("seed"));
  EXPECT_THAT(refuse_with({"--size", "32"}), HasSubstr("size"));
  EXPECT_THAT(refuse_with({"--image", scratch_ / "none.png"}), HasSubstr("none.png"));
  EXPECT_THAT(refuse_with({"--grid", scratch_ / "sheet.jpg"}), HasSubstr(".png"));
  EXPECT_THAT(refuse_with({"--out", run() / "positions/000000000320/state.json"}), HasSubstr("not a folder"));
}

TEST_F(Refusal, OfAColorThatIsNone) {
  write_checkpoint(run(), tiny_pix2pix());
  write_chair(scratch_ / "chair.png");
  EXPECT_THAT(refuse({"--checkpoint", run().string(), "--label", "chair", "--image", scratch_ / "chair.png", "--color",
                      "brown"}),
              HasSubstr("brown"));
}

TEST_F(Refusal, OfAMissingCheckpoint) {
  EXPECT_THAT(refuse({"--label", "chair"}), HasSubstr("--checkpoint PATH"));
  EXPECT_THAT(refuse_checkpoint(), HasSubstr("no checkpoint"));
  fs::create_directories(run());
  EXPECT_THAT(refuse_checkpoint(), HasSubstr("no good checkpoint"));
  fs::remove(run());
  write_text(run(), "a file");
  EXPECT_THAT(refuse_checkpoint(), HasSubstr("The weights file " + run().string() + " cannot be used"));
}

TEST_F(Refusal, OfADamagedCheckpoint) {
  const fs::path folder = write_checkpoint(run(), tiny_diffusion());
  const std::string good = read_text(folder / "ema.safetensors");
  const auto refuse_folder = [&] { return refuse({"--checkpoint", folder.string(), "--label", "chair"}); };

  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  write_text(folder / "ema.safetensors", flipped);
  EXPECT_THAT(refuse_folder(), HasSubstr("is damaged"));
  write_text(folder / "ema.safetensors", good.substr(0, good.size() / 2));
  EXPECT_THAT(refuse_folder(), HasSubstr("is damaged"));
  seal(folder);
  EXPECT_THAT(refuse_folder(), HasSubstr("ema.safetensors"));
  fs::remove(folder / "ema.safetensors");
  EXPECT_THAT(refuse_folder(), HasSubstr("ema.safetensors is missing"));
  seal(folder);
  EXPECT_THAT(refuse_folder(), HasSubstr("lists no ema.safetensors"));
  write_text(folder / "state.json", "{\"format\":1,");
  EXPECT_THAT(refuse_folder(), HasSubstr("state.json"));
  write_text(folder / "state.json", "{\"format\":99,\"position\":320,\"files\":{}}");
  EXPECT_THAT(refuse_folder(), HasSubstr("version"));
}

TEST_F(Refusal, OfAForeignCheckpoint) {
  const fs::path folder = checkpoint_folder(run(), 320);
  fs::create_directories(folder);
  const auto refuse_weights = [&](const std::map<std::string, std::string>& metadata) {
    for (const char* name : {"model.safetensors", "ema.safetensors"}) write_weights(folder / name, metadata);
    seal(folder);
    return refuse_checkpoint();
  };
  EXPECT_THAT(refuse_weights({{"format", "pt"}}), HasSubstr("was not written by Atelier"));
  EXPECT_THAT(refuse_weights({{"atelier.spec", "{"}}), HasSubstr("not JSON"));
  EXPECT_THAT(refuse_weights({{"atelier.spec", "{}"}}), HasSubstr("kind"));
  json spec = tiny_diffusion();
  spec.update({{"levels", 1}, {"channels", 4}, {"blocks", 1}});
  EXPECT_THAT(refuse_weights({{"atelier.spec", spec.dump()}}), HasSubstr("denoiser."));
  json huge = spec;
  huge.update({{"channels", 4096}, {"levels", 9}, {"blocks", 64}});
  EXPECT_THAT(refuse_weights({{"atelier.spec", huge.dump()}}), HasSubstr("larger network than the file holds"));
  spec["kind"] = "flow";
  EXPECT_THAT(refuse_weights({{"atelier.spec", spec.dump()}}), HasSubstr("flow"));
  spec.update({{"kind", "diffusion"}, {"objective", "score"}});
  EXPECT_THAT(refuse_weights({{"atelier.spec", spec.dump()}}), HasSubstr("objective is \"score\", not one of edm"));
  write_text(folder / "ema.safetensors", "PK\x03\x04 archive/data.pkl");
  seal(folder);
  EXPECT_THAT(refuse_checkpoint(), HasSubstr("ema.safetensors"));
}

TEST_F(Refusal, OfRawWeightsFromAFileThatHoldsTheAverage) {
  write_checkpoint(run(), tiny_diffusion());
  WeightsFile weights = load_weights(checkpoint_folder(run(), 320) / "ema.safetensors");
  weights.weights = "average";
  save_weights(scratch_ / "one.safetensors", weights);
  EXPECT_THAT(refuse({"--checkpoint", scratch_ / "one.safetensors", "--label", "chair", "--generate.average", "false"}),
              HasSubstr("holds the average"));
}

TEST(GenerateFromARun, PassesOverADamagedNewestCheckpointAndSaysSo) {
  const Scratch scratch;
  write_checkpoint(scratch.path(), tiny_diffusion(), 320);
  const fs::path newest = write_checkpoint(scratch.path(), tiny_diffusion(), 640);
  write_text(newest / "model.safetensors", "damaged");
  const Finished finished = generate({"--checkpoint", scratch.path().string(), "--label", "chair", "--steps", "2"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(json::parse(finished.out)["data"][0]["position"], 320);
  EXPECT_THAT(finished.err, HasSubstr("warning: "));
  EXPECT_THAT(finished.err, HasSubstr("000000000640"));
}

class GenerateFromADesign : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Objectives, GenerateFromADesign, testing::Values("edm", "flow"),
                         [](const auto& objective) { return objective.param; });

TEST_P(GenerateFromADesign, KeepsMoreOfItTheLowerTheStrength) {
  const Scratch scratch;
  ModelSpec spec = tiny_diffusion();
  spec.objective = GetParam();
  write_checkpoint(scratch.path() / "run", spec);
  write_chair(scratch / "chair.png", 16, 16);
  const std::string chair_png = read_text(scratch / "chair.png");
  const Image chair = std::get<Image>(decode(std::as_bytes(std::span(chair_png))));
  const auto distance_at = [&](const std::string& strength) {
    const Finished finished = generate({"--checkpoint", scratch / "run", "--label", "chair", "--steps", "4", "--image",
                                        scratch / "chair.png", "--strength", strength});
    EXPECT_EQ(finished.code, 0) << finished.err;
    const json entry = json::parse(finished.out)["data"][0];
    EXPECT_EQ(entry["strength"], std::stod(strength));
    EXPECT_EQ(entry["image"], sha256_file(scratch / "chair.png"));
    const Image image = std::get<Image>(decode(from_base64(entry["b64_json"])));
    double sum = 0;
    for (size_t i = 0; i < image.rgb.size(); ++i) sum += std::abs(image.rgb[i] - chair.rgb[i]);
    return sum;
  };
  const double kept = distance_at("0"), edited = distance_at("0.4"), ignored = distance_at("1");
  EXPECT_EQ(kept, 0);
  EXPECT_GT(edited, kept);
  EXPECT_GT(ignored, edited);
}

TEST(GenerateFromASketch, FollowsTheOutlineOfAPictureOrTheSketchItself) {
  const Scratch scratch;
  write_checkpoint(scratch.path() / "run", tiny_diffusion("outline"));
  write_chair(scratch / "chair.png", 16, 16);
  write_chair(scratch / "wide.png", 32, 16);
  const auto entry_of = [&](const Words& inputs) {
    Words words{"--checkpoint", scratch / "run", "--label", "chair", "--steps", "2"};
    words.insert(words.end(), inputs.begin(), inputs.end());
    const Finished finished = generate(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return json::parse(finished.out)["data"][0];
  };
  const json outlined = entry_of({"--image", scratch / "chair.png"});
  const json sketched = entry_of({"--condition", scratch / "chair.png"});
  const json both = entry_of({"--condition", scratch / "chair.png", "--image", scratch / "wide.png"});
  EXPECT_EQ(outlined["image"], sha256_file(scratch / "chair.png"));
  EXPECT_TRUE(outlined["condition"].is_null() && outlined["strength"].is_null());
  EXPECT_EQ(sketched["condition"], sha256_file(scratch / "chair.png"));
  EXPECT_TRUE(sketched["image"].is_null());
  EXPECT_EQ(both["image"], sha256_file(scratch / "wide.png"));
  EXPECT_EQ(both["strength"], 0.6);
  EXPECT_NE(outlined["b64_json"], sketched["b64_json"]);
  EXPECT_NE(sketched["b64_json"], both["b64_json"]);
}

TEST(GenerateInColor, TakesTheColorThatIsGiven) {
  const Scratch scratch;
  write_checkpoint(scratch.path() / "run", tiny_pix2pix());
  write_chair(scratch / "chair.png");
  const auto entry_of = [&](const Words& more) {
    Words words{"--checkpoint", scratch / "run", "--label", "chair", "--image", scratch / "chair.png"};
    words.insert(words.end(), more.begin(), more.end());
    const Finished finished = generate(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return json::parse(finished.out)["data"][0];
  };
  const json brown = entry_of({"--color", "#8B5A2B"}), blue = entry_of({"--color", "#1020f0"});
  EXPECT_EQ(brown["color"], "#8b5a2b");
  EXPECT_NE(brown["b64_json"], blue["b64_json"]);
}

TEST(GenerateProgress, AppearsOnlyWhenItTakesLongAndStopsOnInterruptWithNothingWritten) {
  const Scratch scratch;
  write_checkpoint(scratch.path() / "run", tiny_diffusion());
  Child child(generate_command({"--checkpoint", scratch / "run", "--label", "chair", "--steps", "60", "--variations",
                                "64", "--out", scratch / "designs"}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (child.err().empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_THAT(child.err(), HasSubstr("of 64 variations"));
  child.signal(SIGINT);
  EXPECT_EQ(child.wait(), 130);
  EXPECT_EQ(child.out(), "");
  EXPECT_FALSE(fs::exists(scratch.path() / "designs"));
}

TEST(GenerateProgram, LinksNeitherCurlNorHdf5) {
  const Finished libraries = run({"ldd", ATELIER_BIN_DIR "/atelier-generate"});
  ASSERT_EQ(libraries.code, 0);
  EXPECT_THAT(libraries.out, HasSubstr("libtorch_cpu"));
  for (const char* foreign : {"libcurl", "libhdf5", "opencv_imgcodecs"})
    EXPECT_THAT(libraries.out, testing::Not(HasSubstr(foreign)));
}

}  // namespace
}  // namespace atelier::test
