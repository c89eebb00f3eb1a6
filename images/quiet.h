#pragma once

#include <functional>

namespace atelier {

/// Runs `work` on a thread whose standard error leads nowhere, and waits: for decoders that write there about damaged
/// files and cannot be told not to. Costs some 25 microseconds of CPU. Where the system does not let a thread have
/// files of its own, the decoder is heard. Throws what `work` throws. Not for callers outside images/.
void quietly(const std::function<void()>& work);

}  // namespace atelier
