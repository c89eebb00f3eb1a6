#pragma once

#include "configs/program.h"

/// The commands of atelier-train. Part of the program, not of the library: they print.
namespace atelier {

/// Trains: starts the run of train.run_dir, or goes on with it.
int run_train(const Invocation& invocation);

/// train --plan: whether that run can work and what it will take; changes nothing.
int run_plan(const Invocation& invocation);

/// What is in a run folder, one position's folder or a weights file; ends with 1 when no checkpoint there is good.
int run_inspect(const Invocation& invocation);

/// Writes the weights of a checkpoint as one file, which atelier-generate takes.
int run_export(const Invocation& invocation);

/// Whether a run of these settings that is stopped and resumed is the same run, bit for bit.
int run_verify_resume(const Invocation& invocation);

/// Which data a step of a run was given, or which entries have the highest losses.
int run_data(const Invocation& invocation);

/// Makes an average of another length from those that a run has kept.
int run_average(const Invocation& invocation);

/// Judges a run's pictures by those that it has not seen.
int run_evaluate(const Invocation& invocation);

/// train --detach: starts it in the background, and returns once it trains.
int run_detached(const Invocation& invocation);

/// How far a run is, and whether anybody works on it.
int run_status(const Invocation& invocation);

/// Asks the trainer of a run to save and leave, and waits until it has.
int run_stop(const Invocation& invocation);

}  // namespace atelier
