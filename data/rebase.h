#pragma once

#include "data/manifest.h"
#include "data/verdicts.h"

namespace atelier {

/// The verdicts of a run that goes on with another list: each moves to the rows of `manifest` that have its url, and
/// goes where none has. Reads the whole list unless there are no verdicts.
Verdicts rebase(const Verdicts& verdicts, const Manifest& manifest);

}  // namespace atelier
