#include "train/session.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "data/open_source.h"
#include "data/progress.h"
#include "data/rebase.h"
#include "train/examples.h"
#include "train/grid.h"
#include "train/held_out.h"
#include "train/init_from.h"
#include "train/micro_batch.h"
#include "train/run_state.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Manifest> open_list(const DataConfig& data, Console& console, const std::stop_token& stop) {
  if (data.list.empty())
    throw std::invalid_argument(
        "data.list is not set: name the list of images to train on, such as --data.list furniture.jsonl.");
  return atelier::open_list(data, show_share(console, "reading the list", stop),
                            [&](const std::string& sentence) { console.warn(sentence); });
}

/// The held-out samples that fit in memory, drawn by the seed; none when nothing is held out.
Examples fetch_held_out(const Config& config, const std::shared_ptr<const Manifest>& manifest, Console& console,
                        const std::stop_token& stop) {
  if (config.data.held_out <= 0) return {};
  if (manifest->split(config.data.held_out, true).empty()) {
    console.warn("data.held_out leaves no sample of this list out: there will be no held-out loss.");
    return {};
  }
  try {
    return fetch_examples(config, each_row_once(plan_stream(config, manifest, /*held_out=*/true)), kHeldOutSamples,
                          show_share(console, "fetching the held-out samples", stop));
  } catch (const HopelessList& error) {  // any other failure may be over at the next start
    console.warn(
        fmt::format("the held-out pictures cannot be had, and there will be no held-out loss: {}", error.what()));
    return {};
  }
}

/// What the run began with, for the sample grids of a run that holds nothing out.
Examples fetch_first_rows(const Config& config, const std::shared_ptr<const Manifest>& manifest, uint64_t window,
                          Console& console, const std::stop_token& stop) {
  StreamPlan plan = plan_stream(config, manifest);
  plan.order.window = window;
  return fetch_examples(config, plan, kGridRows, show_share(console, "fetching what the sample grids show", stop));
}

std::string describe_players(Objective& objective) {
  std::string text;
  for (const Player& player : objective.players())
    text +=
        fmt::format(", {} {:.2f} million weights", player.name, static_cast<double>(parameter_count(player)) * 1e-6);
  return text;
}

/// "40 x 24 (1200 rows), 32 x 32 (800 rows)"
std::string describe_shapes(const StreamPlan& plan) {
  std::vector<uint64_t> rows(plan.frames.size());
  for (const Stratum& stratum : plan.strata) rows[stratum.shape] += stratum.rows.size();
  std::string text;
  for (size_t shape = 0; shape < rows.size(); ++shape) {
    const auto [width, height] = plan.frames[shape];
    if (rows[shape] > 0)
      text += fmt::format("{}{} x {} ({} rows)", text.empty() ? "" : ", ", width, height, rows[shape]);
  }
  return text;
}

void announce(Console& console, const Config& config, const RunState& state, const Session& session) {
  const Choices& choices = state.choices;
  const ModelSpec& spec = session.objective->spec();
  console.say(fmt::format("device {}, {} threads, precision {} ({})", choices.device.str(), choices.threads,
                          precision_name(choices.precision.dtype), choices.precision.why));
  console.say(fmt::format("model {}{} at {} pixels{}", spec.kind, spec.objective == "flow" ? " by flow matching" : "",
                          spec.image_size, describe_players(*session.objective)));
  const std::string labels = spec.labels.empty() ? "no labels" : fmt::format("{} labels", spec.labels.size());
  console.say(fmt::format("list {}: {} rows to train on, {}", config.data.list, session.plan.order.entries, labels));
  if (session.plan.has_shapes()) console.say("shapes, width x height: " + describe_shapes(session.plan));
  console.say(fmt::format("run folder {}: {} position {} of {}", session.folder.path.string(),
                          session.folder.newest ? "goes on at" : "starts at", state.clock.position(),
                          state.clock.total()));
}

/// Settings that somebody has set for another kind of model.
void warn_of_what_has_no_effect(const Config& config, Console& console) {
  const ModelConfig& model = config.model;
  const auto warn = [&](bool set, const char* setting, const char* where) {
    if (set) console.warn(fmt::format("{} has no effect: it is for {}.", setting, where));
  };
  if (model.kind == Kind::kPix2pix) {
    warn(model.objective != DenoisingObjective::kEdm, "model.objective", "model.kind diffusion");
    warn(model.min_snr_gamma > 0, "model.min_snr_gamma", "model.kind diffusion");
    warn(model.condition_dropout > 0, "model.condition_dropout", "model.kind diffusion");
    warn(config.train.recompute, "train.recompute", "model.kind diffusion");
  } else {
    warn(model.condition_dropout > 0 && config.data.condition == Condition::kNone, "model.condition_dropout",
         "models with an input image (data.condition)");
  }
}

/// From where `state` stands to the end of the run.
void place(StreamPlan& plan, const RunState& state) {
  const Clock& clock = state.clock;
  plan.start.position = clock.position();
  plan.end = clock.position() + clock.steps_left() * clock.batch();
  check_share(plan);
}

/// Gives the networks the weights of train.init_from, and says which. Returns where they come from.
nlohmann::json begin_with(Session& session, const Config& config, Console& console) {
  std::vector<std::string> warnings;
  const InitSource source = read_init_source(config.train.init_from, warnings);
  for (const std::string& warning : warnings) console.warn(warning);
  const Inherited inherited = inherit_weights(*session.objective, source);
  for (const std::string& line : describe(inherited, source)) console.say(line);
  session.inherited = to_json(inherited, source);
  return source.origin;
}

/// Weights, optimizer, averages and verdicts of the newest checkpoint.
void load_newest(Session& session, const RunState& saved) {
  const RunState& state = session.trainer->state();
  session.trainer->load(session.folder.newest->folder);
  Verdicts& verdicts = session.plan.start.verdicts;
  verdicts = Verdicts::from_jsonl(read_file(session.folder.newest->folder / "verdicts.jsonl"));
  if (state.lists != saved.lists) verdicts = rebase(verdicts, *session.manifest);
}

/// Whether who made the last step of the run at `path` has also drawn what comes after it.
bool is_shown(const fs::path& path) {
  const auto status = written_status(path);  // nothing: of a run without its logs, such as a copy
  return !status || !status->is_object() || status->value("state", nlohmann::json()) == "finished";
}

/// The pictures that a run draws would become pictures of such a list.
void refuse_run_within_list(const Config& config) {
  std::error_code ignored;
  if (config.train.run_dir.empty() || !fs::is_directory(config.data.list, ignored)) return;
  const fs::path list = fs::canonical(config.data.list);
  const fs::path run = fs::weakly_canonical(fs::absolute(config.train.run_dir));
  if (std::ranges::mismatch(list, run).in1 == list.end())
    throw std::invalid_argument(
        fmt::format("train.run_dir {} lies within the images of data.list {}: name a folder beside them.",
                    config.train.run_dir, config.data.list));
}

}  // namespace

Session open_session(const Config& config, bool accept_changes, Console& console, const std::stop_token& stop,
                     RunFolder (*open)(const std::filesystem::path& path, Resume resume)) {
  refuse_run_within_list(config);
  auto manifest = open_list(config.data, console, stop);
  RunFolder folder = open(config.train.run_dir, config.train.resume);
  const auto reading_shapes = show_share(console, "reading the shapes", stop);
  StreamPlan plan = plan_stream(config, manifest, /*held_out=*/false, reading_shapes);
  Session session{.manifest = std::move(manifest),
                  .folder = std::move(folder),
                  .plan = std::move(plan),
                  .objective = {},
                  .trainer = {},
                  .inherited = {},
                  .held_out = {},
                  .shown = {},
                  .finished = false};
  for (const std::string& warning : session.folder.warnings) console.warn(warning);
  warn_of_what_has_no_effect(config, console);
  std::vector<std::string> warnings;
  const auto& newest = session.folder.newest;
  const RunState saved =
      newest ? run_state_from_json(newest->state) : begin_run(config, *session.manifest, session.plan.order.window);
  RunState state = newest ? continue_run(saved, config, *session.manifest, accept_changes, warnings) : saved;
  for (const std::string& warning : warnings) console.warn(warning);
  session.plan = as_resolved(config, std::move(session.plan), state, reading_shapes);

  session.objective = make_objective(describe_model(config, session.manifest->labels()), config.seed);
  if (!newest && !config.train.init_from.empty()) state.init_from = begin_with(session, config, console);
  session.objective->to(state.choices.device);
  session.trainer = std::make_unique<Trainer>(*session.objective, config, state);
  announce(console, config, state, session);
  place(session.plan, state);
  session.finished = state.clock.finished() && is_shown(session.folder.path);
  if (newest && !session.finished) load_newest(session, saved);
  return session;
}

std::vector<std::string> player_names(Objective& objective) {
  std::vector<std::string> names;
  for (const Player& player : objective.players()) names.push_back(player.name);
  return names;
}

void settle_micro_batch(Session& session, const Config& config, Console& console, const std::stop_token& stop) {
  Trainer& trainer = *session.trainer;
  const uint64_t batch = trainer.clock().batch();
  uint64_t at_once = trainer.state().choices.micro_batch;
  if (config.train.micro_batch == 0) {
    const auto told = [&](uint64_t images) {
      if (stop.stop_requested()) throw Interrupted{};
      console.progress(fmt::format("trying {} images at once", images));
    };
    if (!session.folder.newest) {
      const uint64_t found = find_micro_batch(trainer, largest_frame(session.plan), told);
      at_once = found < batch ? found : 0;
    }
    const uint64_t most = at_once == 0 ? batch : at_once;
    if (const auto noted = noted_micro_batch(session.folder.path); noted && *noted < most) {
      console.warn(
          fmt::format("a step of this run has run out of memory with {} images at once: from here on it is {}, "
                      "and losses are the same but for rounding.",
                      std::min(most, batch), *noted));
      at_once = *noted;
    }
  }
  trainer.set_micro_batch(at_once);
  if (const uint64_t images = images_at_once(trainer.state().choices, batch); images < batch)
    console.say(fmt::format("{} images at once: the gradients of a step's {} are added up", images, batch));
}

void fetch_fixed_examples(Session& session, const Config& config, Console& console, const std::stop_token& stop) {
  Config square = config;
  square.data.shapes = Shapes::kSquare;  // of what is generated, and so of what is shown and measured
  session.held_out = fetch_held_out(square, session.manifest, console, stop);
  if (!session.held_out.positions.empty())
    console.say(fmt::format("{} held-out samples", session.held_out.positions.size()));
  const bool needs_rows = session.held_out.positions.empty() && session.objective->spec().condition != "none";
  session.shown = needs_rows ? fetch_first_rows(square, session.manifest, session.plan.order.window, console, stop)
                             : session.held_out;
}

}  // namespace atelier
