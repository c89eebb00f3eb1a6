#!/usr/bin/env bash
# Trains the same steps by Atelier and by plain PyTorch, and prints one table. README.md says what it means.
#
#   bench/train/run.sh [REPETITIONS [CASE...]]        5 repetitions of all cases unless told otherwise
#   PRECISION=bfloat16 bench/train/run.sh             in bfloat16
set -euo pipefail
cd "$(dirname "$0")/../.."

REPETITIONS=${1:-5}
shift || true
TORCH_DIR=$(sed -n 's|^Torch_DIR:PATH=||p' build/release/CMakeCache.txt 2>/dev/null || true)
[[ $TORCH_DIR == */site-packages/torch/share/cmake/Torch ]] || {
  echo "run.sh: build/release is not built on the LibTorch of a Python, which both sides shall share; run scripts/setup.sh" >&2
  exit 2
}
PYTHON=${TORCH_DIR%/lib/python*}/bin/python
cmake --build build/release --target bench_train >&2
mkdir -p build/bench-train
exec "$PYTHON" bench/train/compare.py build/release/bin/bench_train "$PYTHON" build/bench-train "$REPETITIONS" "$@"
