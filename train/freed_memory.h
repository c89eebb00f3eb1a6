#pragma once

namespace atelier {

/// Large blocks stay with the process instead of going back to the system at every free: otherwise each step on a CPU
/// faults its activations in again (about 9 % of a convolution step). For programs, once, before the first tensor.
void keep_freed_memory();

}  // namespace atelier
