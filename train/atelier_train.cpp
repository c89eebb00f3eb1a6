#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/commands.h"
#include "configs/program.h"
#include "train/command.h"

/// atelier-train: batch -> loss -> step -> checkpoint.
namespace atelier {

namespace {

const Program kProgram{
    .name = "atelier-train",
    .summary = "Trains a design model from a list of images, and goes on where it was stopped.",
    .sections = {"seed", "data", "model", "train"},
    .positional = {"command", "path"},
    .flags =
        {
            {"plan", "", "train: say whether the run can work, how long it takes and what it needs; train nothing"},
            {"accept-changes", "", "go on with settings that make other numbers than the run would have had"},
            {"until", "STEP", "stop after this step of the run, saved, as Ctrl-C does"},
            {"trace", "FILE", "write what each step took and gave, exactly, as a JSON line"},
            {"detach", "", "train in the background: return once it trains; RUN/log.txt has what it says"},
            {"steps", "N", "verify-resume: steps to compare (8); evaluate: steps of the sampler (18)"},
            {"legs", "L", "verify-resume: processes that the resumed run takes (2)"},
            {"step", "N[:M]", "data: the step, or the steps from N to M, to list the samples of"},
            {"worst", "K", "data: list and show the K samples with the highest losses"},
            {"json", "", "inspect, --plan, status, evaluate: what was found, as JSON; data: a line each"},
            {"weights", "average|raw", "export, evaluate: the running average (average) or the last weights"},
            {"features", "FILE", "evaluate: a TorchScript network that judges pictures, uint8 [N,3,H,W] -> [N,D]"},
            {"checkpoint", "PATH", "evaluate: another position's folder or weights file than the run's newest"},
            {"samples", "N", "evaluate: pictures of each side, at most (10000)"},
            {"guidance", "X", "evaluate: guidance scale of the sampler (1: none)"},
            {"all", "", "evaluate: compare with the whole list, not only with what was held out"},
            {"length", "X", "average: standard deviation over the length of the run, such as 0.08 or 0.06,0.08,0.12"},
            {"at", "POSITION", "average: where a snapshot was kept (the last one)"},
            {"out", "FILE",
             "export, average: the weights file, which must not be there (average: in RUN/averages); data --worst: the "
             "contact sheet (RUN/worst.png)"},
        },
    .examples =
        "  atelier-train --config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs\n"
        "  atelier-train --config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs --plan\n"
        "  atelier-train --config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs --resume must\n"
        "  atelier-train --config sketch-64 --data.list lamps.jsonl --train.run_dir runs/lamps --train.init_from "
        "runs/chairs\n"
        "  atelier-train verify-resume --config sketch-64 --data.list furniture.jsonl --steps 12 --legs 3\n"
        "  atelier-train inspect runs/chairs\n"
        "  atelier-train export runs/chairs --out chairs.safetensors\n"
        "  atelier-train average runs/chairs --length 0.08\n"
        "  atelier-train evaluate runs/chairs --features inception.pt --samples 2000\n"
        "  atelier-train data runs/chairs --step 100:110\n"
        "  atelier-train data runs/chairs --worst 20\n"
        "  atelier-train --config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs --detach\n"
        "  atelier-train status runs/chairs\n"
        "  atelier-train stop runs/chairs\n"
        "\n"
        "train, which may be left out, starts the run of train.run_dir or goes on with it, with settings that\n"
        "make other numbers only by --accept-changes; with --plan it only tries it out and writes nothing;\n"
        "verify-resume trains a few steps of these settings straight and again with stops between,\n"
        "each leg in a new process, and compares every entry, loss and tensor bit for bit;\n"
        "inspect says what a run folder, one position's folder or a weights file holds, and whether it is whole;\n"
        "export writes the weights of a run's newest good checkpoint, or of a position's folder, as one file;\n"
        "average makes a running average of a run's weights of another length, after training;\n"
        "data lists the samples that a step was given, with what was drawn for each, or shows those with the\n"
        "highest losses, where train.log_losses has kept them;\n"
        "evaluate compares generated pictures with those that the run has held out: FID, KID, precision, recall;\n"
        "status says how far a run is and who works on it, stop makes its trainer save and leave.\n"};

struct Command {
  const char* name;
  int (*run)(const Invocation&);
  std::vector<std::string> flags;  ///< those it takes
  const char* path = nullptr;      ///< what is to follow its name; null: nothing
};
const std::vector<Command> kCommands = {
    {"train", run_train, {"plan", "accept-changes", "until", "trace", "json", "detach"}},
    {"verify-resume", run_verify_resume, {"steps", "legs"}},
    {"inspect", run_inspect, {"json"}, "a run folder, one position's folder or a weights file"},
    {"export", run_export, {"out", "weights"}, "a run folder or one position's folder"},
    {"average", run_average, {"length", "at", "out"}, "a run folder"},
    {"data", run_data, {"step", "worst", "json", "out"}, "a run folder"},
    {"evaluate",
     run_evaluate,
     {"features", "checkpoint", "samples", "weights", "steps", "guidance", "all", "json"},
     "a run folder"},
    {"status", run_status, {"json"}, "a run folder"},
    {"stop", run_stop, {}, "a run folder"}};

int run(const Invocation& invocation) {
  const auto& given = invocation.positional;
  const Command& command = command_named(kCommands, given.empty() ? "train" : given[0]);
  const size_t most = command.path ? 2 : 1;
  if (given.size() > most)
    throw std::invalid_argument(fmt::format("{} takes {}settings and flags only; leave \"{}\" out", given[0],
                                            command.path ? "one path, " : "", given[most]));
  if (command.path && given.size() < 2)
    throw std::invalid_argument(
        fmt::format("{0} takes {1}, such as atelier-train {0} runs/chairs", given[0], command.path));
  refuse_flags_of_others(kCommands, command, invocation);
  return command.run(invocation);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) { return atelier::run_program(atelier::kProgram, argc, argv, atelier::run); }
