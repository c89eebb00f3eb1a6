#include <string>
#include <vector>

#include "configs/commands.h"
#include "configs/program.h"
#include "train/command.h"

/// atelier-train: batch -> loss -> step -> checkpoint.
namespace atelier {

namespace {

const std::vector<std::string> kAll = {"seed", "data", "model", "train"};

const Program kProgram{
    .name = "atelier-train",
    .summary = "Trains a design model from a list of images, and goes on where it was stopped.",
    .sections = kAll,
    .flags =
        {
            {"plan", "", "train: say whether the run can work, how long it takes and what it needs; train nothing"},
            {"accept-changes", "", "train: go on with settings that make other numbers than the run would have had"},
            {"until", "STEP", "train: stop after this step of the run, saved, as Ctrl-C does"},
            {"trace", "FILE", "train: write what each step took and gave, exactly, as a JSON line"},
            {"detach", "", "train: in the background: return once it trains; RUN/log.txt has what it says"},
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
    .commands = {{.name = "train",
                  .takes = {},
                  .summary =
                      "(the default) starts the run of train.run_dir or goes on with it, with settings that make other "
                      "numbers only by --accept-changes; with --plan it only tries it out and writes nothing",
                  .flags = {"plan", "accept-changes", "until", "trace", "json", "detach"},
                  .sections = kAll,
                  .examples = {"--config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs",
                               "--config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs --plan",
                               "--config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs --detach",
                               "--config sketch-64 --data.list lamps.jsonl --train.run_dir runs/lamps "
                               "--train.init_from runs/chairs"},
                  .run = run_train},
                 {.name = "verify-resume",
                  .takes = {},
                  .summary =
                      "trains a few steps of these settings straight and again with stops between, each leg in a "
                      "new process, and compares every entry, loss and tensor bit for bit",
                  .flags = {"steps", "legs"},
                  .sections = kAll,
                  .examples = {"verify-resume --config sketch-64 --data.list furniture.jsonl --steps 12 --legs 3"},
                  .run = run_verify_resume},
                 {.name = "inspect",
                  .takes = {"RUN|POSITION|FILE"},
                  .summary = "says what a run folder, one position's folder or a weights file holds, and whether it is "
                             "whole",
                  .flags = {"json"},
                  .sections = {},
                  .examples = {"inspect runs/chairs"},
                  .run = run_inspect},
                 {.name = "export",
                  .takes = {"RUN|POSITION"},
                  .summary = "writes the weights of a run's newest good checkpoint, or of a position's folder, as one "
                             "file",
                  .flags = {"out", "weights"},
                  .sections = {},
                  .examples = {"export runs/chairs --out chairs.safetensors"},
                  .run = run_export},
                 {.name = "average",
                  .takes = {"RUN"},
                  .summary = "makes a running average of a run's weights of another length, after training",
                  .flags = {"length", "at", "out"},
                  .sections = {},
                  .examples = {"average runs/chairs --length 0.08"},
                  .run = run_average},
                 {.name = "data",
                  .takes = {"RUN"},
                  .summary = "lists the samples that a step was given, with what was drawn for each, or shows those "
                             "with the highest losses, where train.log_losses has kept them",
                  .flags = {"step", "worst", "json", "out"},
                  .sections = {"data"},
                  .examples = {"data runs/chairs --step 100:110", "data runs/chairs --worst 20"},
                  .run = run_data},
                 {.name = "evaluate",
                  .takes = {"RUN"},
                  .summary = "compares generated pictures with those that the run has held out: FID, KID, precision, "
                             "recall",
                  .flags = {"features", "checkpoint", "samples", "weights", "steps", "guidance", "all", "json"},
                  .sections = {"data", "train.device", "train.threads"},
                  .examples = {"evaluate runs/chairs --features inception.pt --samples 2000"},
                  .run = run_evaluate},
                 {.name = "status",
                  .takes = {"RUN"},
                  .summary = "says how far a run is and who works on it",
                  .flags = {"json"},
                  .sections = {},
                  .examples = {"status runs/chairs"},
                  .run = run_status},
                 {.name = "stop",
                  .takes = {"RUN"},
                  .summary = "makes a run's trainer save and leave, and waits for that",
                  .flags = {},
                  .sections = {},
                  .examples = {"stop runs/chairs"},
                  .run = run_stop}},
    .default_command = "train"};

int run(const Invocation& invocation) { return run_command(kProgram, invocation); }

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) { return atelier::run_program(atelier::kProgram, argc, argv, atelier::run); }
