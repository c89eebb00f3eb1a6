#include "configs/settings.h"

#include <algorithm>
#include <clocale>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <stdexcept>

namespace atelier {
namespace {

using testing::HasSubstr;

/// What resolve() says against one value in one layer; "" when it takes it.
std::string complaint(const std::string& layer, const std::string& key, const std::string& text) {
  try {
    resolve({{layer, {{key, text}}}});
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

bool takes(const std::string& key, const std::string& text) { return complaint("flag", key, text).empty(); }

Config with(const std::string& key, const std::string& text) { return resolve({{"flag", {{key, text}}}}).config; }

Layer environment_of(std::vector<std::string> variables) {
  std::vector<char*> pointers;
  for (std::string& variable : variables) pointers.push_back(variable.data());
  pointers.push_back(nullptr);
  return read_environment_layer(pointers.data());
}

std::string environment_complaint(const std::string& variable) {
  try {
    resolve({environment_of({variable})});
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end; (end = text.find(separator, begin)) != std::string::npos; begin = end + separator.size()) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// A value that the setting takes and that is not its default.
std::string other_value(const SettingInfo& setting) {
  if (setting.type == "boolean") return setting.fallback == "true" ? "false" : "true";
  if (setting.type.find('|') != std::string::npos) {
    const auto names = split(setting.type, "|");
    return names.back() == setting.fallback ? names.front() : names.back();
  }
  if (setting.range == "#rrggbb") return "#8b5a2b";
  if (setting.type == "text") return "a: b # \"c\" \\ 'd', null ü";
  return split(setting.range, "..").back();
}

TEST(Settings, HaveTheDefaultsThatUsersOfSuchATrainerKnow) {
  const Config config = resolve({}).config;
  EXPECT_EQ(config.train.steps_per_epoch, 100);
  EXPECT_EQ(config.train.batch_size, 32);
  EXPECT_EQ(config.train.epochs, 50);
  EXPECT_EQ(config.data.max_image_size, 10'485'760u);
}

TEST(Settings, AreDeclaredForEveryMemberOfConfig) {
  // One name for each member: a member that is added without its line in each_setting.h ends here.
  [[maybe_unused]] const auto& [list, cache, where, verify, accept, seed, shuffle, balance, held_out, image_size,
                                shapes, fit, filter, condition, flip, brightness, noise, blur, shake, motion,
                                max_image_size, ask_head, opt_out, agent, credentials, netrc, ca, proxy, private_,
                                connections, threads, memory, connect, first_byte, head, get, deadline, rate, outage,
                                stall] = DataConfig{};
  [[maybe_unused]] const auto& [kind, objective, channels, levels, blocks, attention, dropout, label_dropout,
                                condition_dropout, gamma] = ModelConfig{};
  [[maybe_unused]] const auto& [run_dir, resume_, init, epochs, steps, batch, micro_batch, recomputes, device,
                                precision, compute, learning, schedule, warmup, decay, clip, averages, checkpoint_every,
                                keep, every, sample_every, log_losses] = TrainConfig{};
  [[maybe_unused]] const auto& [checkpoint, label, variations, image, strength, sketch, color, quality, sampler,
                                guidance, average, on, with_threads, out, grid] = GenerateConfig{};
  EXPECT_EQ(list_settings().size(), 1u + 40 + 10 + 22 + 15);
}

TEST(Settings, HaveNamesEnvironmentNamesAndHelpOfTheirOwn) {
  std::set<std::string> keys, environments;
  for (const SettingInfo& setting : list_settings()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    EXPECT_TRUE(environments.insert(setting.environment).second) << setting.environment;
    EXPECT_FALSE(setting.help.empty()) << setting.key;
    EXPECT_EQ(setting.help.find('\n'), std::string::npos) << setting.key;
    EXPECT_NE(setting.help.back(), '.') << setting.key;
  }
}

TEST(Settings, KnowWhichEnvironmentVariableIsTheirs) {
  std::map<std::string, std::string> names;
  for (const SettingInfo& setting : list_settings()) names[setting.key] = setting.environment;
  EXPECT_EQ(names["train.steps_per_epoch"], "STEPS_PER_EPOCH");
  EXPECT_EQ(names["train.batch_size"], "BATCH_SIZE");
  EXPECT_EQ(names["train.epochs"], "EPOCHS");
  EXPECT_EQ(names["data.max_image_size"], "MAX_IMAGE_SIZE");
  EXPECT_EQ(names["data.max_failure_rate"], "ATELIER_DATA_MAX_FAILURE_RATE");
  EXPECT_EQ(names["seed"], "ATELIER_SEED");
}

TEST(Layers, WinOverTheOnesBeforeThem) {
  const Layer file{"file run.yaml", {{"data.threads", "1"}, {"data.connections", "1"}, {"train.epochs", "1"}}};
  const Layer environment{"environment", {{"data.connections", "2"}, {"train.epochs", "2"}}};
  const Layer flag{"flag", {{"train.epochs", "3"}}};
  const Resolved resolved = resolve({file, environment, flag});
  EXPECT_EQ(resolved.config.data.image_size, 64);
  EXPECT_EQ(resolved.config.data.threads, 1);
  EXPECT_EQ(resolved.config.data.connections, 2);
  EXPECT_EQ(resolved.config.train.epochs, 3);
  const std::map<std::string, std::string> sources(resolved.sources.begin(), resolved.sources.end());
  EXPECT_EQ(sources.at("data.image_size"), "default");
  EXPECT_EQ(sources.at("data.threads"), "file run.yaml");
  EXPECT_EQ(sources.at("data.connections"), "environment");
  EXPECT_EQ(sources.at("train.epochs"), "flag");
  EXPECT_EQ(resolve({file, flag}).config.train.epochs, 3);
}

TEST(Layers, NameThemselvesTheKeyTheValueAndWhatIsAllowed) {
  EXPECT_EQ(complaint("flag", "data.threads", "x"),
            "flag --data.threads: cannot be \"x\"; it takes an integer from 0 to 1024");
  EXPECT_EQ(complaint("environment", "train.batch_size", "0"),
            "environment BATCH_SIZE: cannot be \"0\"; it takes an integer from 1 to 65536");
  EXPECT_EQ(complaint("file run.yaml", "data.shuffle", "ful"),
            "file run.yaml: data.shuffle cannot be \"ful\"; it takes full, window or none");
  EXPECT_EQ(complaint("flag", "data.held_out", "1"),
            "flag --data.held_out: cannot be \"1\"; it takes a number from 0 to 0.9");
  EXPECT_EQ(complaint("flag", "data.flip", "maybe"), "flag --data.flip: cannot be \"maybe\"; it takes true or false");
  EXPECT_EQ(complaint("flag", "data.memory", "1B"),
            "flag --data.memory: cannot be \"1B\"; it takes bytes from 1MiB to 1TiB, such as 100MiB");
  EXPECT_EQ(complaint("flag", "data.seed", "-1"),
            "flag --data.seed: cannot be \"-1\"; it takes an integer from 0 to 9007199254740991, or none");
  EXPECT_EQ(complaint("flag", "generate.color", "brown"),
            "flag --generate.color: cannot be \"brown\"; it takes #rrggbb with hexadecimal digits, or nothing");
  EXPECT_EQ(complaint("flag", "data.list", "a\nb"),
            "flag --data.list: cannot be \"a\nb\"; it takes text in UTF-8 without control characters");
}

TEST(Layers, AnswerAnUnknownNameWithTheNearestOne) {
  EXPECT_EQ(complaint("flag", "data.thread", "4"), "flag --data.thread: no such setting; did you mean --data.threads?");
  EXPECT_EQ(complaint("file run.yaml", "data.thraeds", "4"),
            "file run.yaml: data.thraeds is no setting; did you mean data.threads?");
  EXPECT_EQ(complaint("file run.yaml", "shuffle", "full"),
            "file run.yaml: shuffle is no setting; did you mean data.shuffle?");
  EXPECT_THAT(complaint("file run.yaml", "threads", "4"),
              HasSubstr("did you mean data.threads, train.threads or generate.threads?"));
  EXPECT_EQ(environment_complaint("ATELIER_DATA_THREAD=4"),
            "environment ATELIER_DATA_THREAD: no such setting; did you mean ATELIER_DATA_THREADS?");
  EXPECT_EQ(environment_complaint("ATELIER_TRAIN_BATCH_SIZE=4"),
            "environment ATELIER_TRAIN_BATCH_SIZE: no such setting; did you mean BATCH_SIZE?");
}

TEST(Layers, RefuseAKeyThatIsGivenTwice) {
  EXPECT_THROW(resolve({{"flag", {{"seed", "1"}, {"seed", "1"}}}}), std::invalid_argument);
}

TEST(Environment, SetsEachSettingByItsName) {
  for (const SettingInfo& setting : list_settings()) {
    const std::string value = other_value(setting);
    const Resolved resolved = resolve({environment_of({"PATH=/bin", setting.environment + "=" + value})});
    EXPECT_EQ(setting_text(resolved.config, setting.key), value) << setting.environment;
  }
}

TEST(Environment, TakesAnEmptyValueForNotGivenAndLeavesOtherNamesAlone) {
  const Layer layer = environment_of({"BATCH_SIZE=", "BATCH_SIZES=7", "EPOCH=7", "NOTHING", "EPOCHS=7"});
  ASSERT_EQ(layer.values.size(), 1u);
  EXPECT_EQ(layer.values[0].first, "train.epochs");
  EXPECT_TRUE(read_environment_layer(nullptr).values.empty());
}

TEST(Integers, AreExactAndEndWhereTheRangeDoes) {
  int tried = 0;
  for (const SettingInfo& setting : list_settings()) {
    if (!setting.type.starts_with("integer") || setting.unit == "bytes") continue;
    const auto ends = split(setting.range, "..");
    const std::string below = std::to_string(std::stoll(ends[0]) - 1), above = std::to_string(std::stoll(ends[1]) + 1);
    EXPECT_EQ(setting_text(with(setting.key, ends[0]), setting.key), ends[0]);
    EXPECT_EQ(setting_text(with(setting.key, ends[1]), setting.key), ends[1]);
    for (const std::string& wrong :
         {below, above, std::string("1e3"), std::string("8.0"), std::string(""), std::string(" 8"), std::string("8 "),
          std::string("+8"), std::string("0x10"), std::string("99999999999999999999"), std::string("8,0")}) {
      EXPECT_FALSE(takes(setting.key, wrong)) << setting.key << " " << wrong;
    }
    ++tried;
  }
  EXPECT_GE(tried, 20);
}

TEST(Numbers, EndWhereTheRangeDoesAndAreFinite) {
  int tried = 0;
  for (const SettingInfo& setting : list_settings()) {
    if (setting.type != "number") continue;
    const auto ends = split(setting.range, "..");
    EXPECT_EQ(setting_text(with(setting.key, ends[0]), setting.key), ends[0]);
    EXPECT_EQ(setting_text(with(setting.key, ends[1]), setting.key), ends[1]);
    const std::string below = std::to_string(std::stod(ends[0]) - 0.01);
    const std::string above = std::to_string(std::stod(ends[1]) + 0.01);
    for (const std::string& wrong : {below, above, std::string("nan"), std::string("inf"), std::string("1e999"),
                                     std::string("0,5"), std::string(""), std::string("0.5x")}) {
      EXPECT_FALSE(takes(setting.key, wrong)) << setting.key << " " << wrong;
    }
    ++tried;
  }
  EXPECT_GE(tried, 10);
}

TEST(Numbers, ReadBackAsTheSameBitsWithoutAnExponent) {
  EXPECT_EQ(setting_text(with("train.learning_rate", "1e-5"), "train.learning_rate"), "0.00001");
  EXPECT_EQ(with("train.learning_rate", "0.1").train.learning_rate, 0.1);
  const double third = 1.0 / 3.0;
  Config config;
  config.train.learning_rate = third;
  const std::string text = setting_text(config, "train.learning_rate");
  EXPECT_EQ(with("train.learning_rate", text).train.learning_rate, third);
}

TEST(Numbers, DoNotFollowTheLocale) {
  const char* german = std::setlocale(LC_ALL, "de_DE.UTF-8");
  EXPECT_EQ(with("data.held_out", "0.25").data.held_out, 0.25) << (german != nullptr ? german : "C");
  EXPECT_EQ(setting_text(with("data.held_out", "0.25"), "data.held_out"), "0.25");
  std::setlocale(LC_ALL, "C");
}

TEST(Bytes, TakeBinaryUnitsAndRefuseOverflow) {
  EXPECT_EQ(with("data.max_image_size", "1024").data.max_image_size, 1024u);
  EXPECT_EQ(with("data.max_image_size", "5MiB").data.max_image_size, 5u << 20);
  EXPECT_EQ(with("data.memory", "2GiB").data.memory, uint64_t{2} << 30);
  EXPECT_EQ(with("data.memory", "1TiB").data.memory, uint64_t{1} << 40);
  EXPECT_EQ(setting_text(with("data.memory", "1048577"), "data.memory"), "1048577");
  EXPECT_EQ(setting_text(with("data.memory", "2048KiB"), "data.memory"), "2MiB");
  for (const char* wrong : {"0", "2GiB", "1TiB", "MiB", "-1", "5 MiB", "5MB", "1.5MiB", "18446744073709551616",
                            "18014398509483008KiB", ""}) {
    EXPECT_FALSE(takes("data.max_image_size", wrong)) << wrong;
  }
}

TEST(Choices, TakeEachOfTheirNamesAndNoOther) {
  const std::map<std::string, std::string> expected = {{"data.shuffle", "full|window|none"},
                                                       {"data.shapes", "square|buckets"},
                                                       {"data.fit", "crop|random|pad|stretch"},
                                                       {"data.resample", "area|bilinear|lanczos"},
                                                       {"data.head", "always|auto|never"},
                                                       {"data.balance", "none|label"},
                                                       {"data.condition", "none|file|outline"},
                                                       {"model.kind", "diffusion|pix2pix"},
                                                       {"model.objective", "edm|flow"},
                                                       {"train.resume", "auto|never|must"},
                                                       {"train.device", "auto|cpu|cuda"},
                                                       {"generate.device", "auto|cpu|cuda"},
                                                       {"train.precision", "auto|float32|bfloat16|float16"},
                                                       {"train.rate_schedule", "constant|cosine"},
                                                       {"generate.quality", "fast|balanced|high"}};
  std::map<std::string, std::string> found;
  for (const SettingInfo& setting : list_settings()) {
    if (setting.type.find('|') == std::string::npos) continue;
    found[setting.key] = setting.type;
    for (const std::string& name : split(setting.type, "|")) {
      EXPECT_EQ(setting_text(with(setting.key, name), setting.key), name);
    }
    EXPECT_FALSE(takes(setting.key, "Full"));
    EXPECT_FALSE(takes(setting.key, ""));
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(with("data.shuffle", "none").data.shuffle, Shuffle::kNone);
  EXPECT_EQ(with("data.condition", "file").data.condition, Condition::kFile);
  EXPECT_EQ(with("data.fit", "pad").data.fit, Fit::kPad);
  EXPECT_EQ(with("data.resample", "lanczos").data.resample, Resample::kLanczos);
  EXPECT_EQ(with("model.kind", "pix2pix").model.kind, Kind::kPix2pix);
  EXPECT_EQ(with("model.objective", "flow").model.objective, DenoisingObjective::kFlow);
  EXPECT_EQ(with("train.resume", "must").train.resume, Resume::kMust);
  EXPECT_EQ(with("train.device", "cuda").train.device, Device::kCuda);
  EXPECT_EQ(with("train.precision", "bfloat16").train.precision, Precision::kBfloat16);
  EXPECT_EQ(with("train.rate_schedule", "cosine").train.rate_schedule, RateSchedule::kCosine);
  EXPECT_EQ(with("generate.quality", "high").generate.quality, Quality::kHigh);
}

TEST(Booleans, TakeTheUsualWords) {
  for (const char* yes : {"true", "yes", "on", "1", "True"})
    EXPECT_TRUE(with("data.allow_private", yes).data.allow_private);
  for (const char* no : {"false", "no", "off", "0"}) EXPECT_FALSE(with("data.flip", no).data.flip) << no;
  for (const char* wrong : {"", "2", "y", "tru"}) EXPECT_FALSE(takes("data.flip", wrong)) << wrong;
}

TEST(Texts, AreUtf8WithoutControlCharacters) {
  for (const char* good : {"", "chair", "Stühle", "\u6905\u5b50", "\U0001FA91", "a b"}) {
    EXPECT_TRUE(takes("generate.label", good)) << good;
  }
  for (const char* bad : {"a\nb", "\x7f", "\x01", "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                          "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xe6\xa4"}) {
    EXPECT_FALSE(takes("generate.label", bad)) << bad;
  }
  EXPECT_FALSE(takes("generate.label", std::string("a\0b", 3)));
}

TEST(Colors, AreSixHexadecimalDigitsOrNothing) {
  for (const char* good : {"", "#8b5a2b", "#FFFFFF"}) EXPECT_TRUE(takes("generate.color", good)) << good;
  for (const char* bad : {"8b5a2b", "#8b5a2", "#8b5a2bb", "#8b5a2g", "#", "x8b5a2b"}) {
    EXPECT_FALSE(takes("generate.color", bad)) << bad;
  }
}

TEST(Seeds, FallBackToTheRuns) {
  EXPECT_EQ(with("seed", "7").data_seed(), 7u);
  EXPECT_EQ(resolve({{"flag", {{"seed", "7"}, {"data.seed", "8"}}}}).config.data_seed(), 8u);
  EXPECT_EQ(resolve({{"file a", {{"data.seed", "8"}}}, {"flag", {{"data.seed", "none"}}}}).config.data.seed,
            std::nullopt);
}

TEST(SettingText, NamesTheNearestKeyOfAnUnknownOne) {
  EXPECT_THAT([] { setting_text(Config{}, "model.kin"); },
              testing::ThrowsMessage<std::invalid_argument>("model.kin is no setting; did you mean model.kind?"));
}

TEST(Yaml, BringsEverySettingBackAsItWas) {
  const std::string path = testing::TempDir() + "atelier-round-trip.yaml";
  Layer all{"flag", {}};
  for (const SettingInfo& setting : list_settings()) all.values.emplace_back(setting.key, other_value(setting));
  const Resolved resolved = resolve({all});
  for (const std::string& yaml : {to_yaml(resolved.config), to_yaml(resolved)}) {
    std::ofstream(path) << yaml;
    const Resolved again = resolve({read_yaml_layer(path)});
    for (const SettingInfo& setting : list_settings()) {
      EXPECT_EQ(setting_text(again.config, setting.key), other_value(setting)) << setting.key;
    }
    EXPECT_EQ(to_yaml(again.config), to_yaml(resolved.config));
  }
  std::ofstream(path) << to_yaml(Config{});
  EXPECT_EQ(to_yaml(resolve({read_yaml_layer(path)}).config), to_yaml(Config{}));
}

TEST(Yaml, SaysWhereEachValueCameFrom) {
  const std::string yaml = to_yaml(resolve({{"file run.yaml", {{"data.fit", "pad"}}}, {"flag", {{"seed", "7"}}}}));
  EXPECT_THAT(yaml, testing::ContainsRegex("\nseed: 7 +# flag\n|^seed: 7 +# flag\n"));
  EXPECT_THAT(yaml, testing::ContainsRegex("\n  fit: pad +# file run.yaml\n"));
  EXPECT_THAT(yaml, testing::ContainsRegex("\n  flip: true +# default\n"));
}

}  // namespace
}  // namespace atelier
