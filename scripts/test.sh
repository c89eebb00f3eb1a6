#!/usr/bin/env bash
# Builds Atelier and runs every test.
#
#   scripts/test.sh [PRESET] [ctest arguments...]     scripts/test.sh asan -R '^data\.'
set -euo pipefail
cd "$(dirname "$0")/.."

PRESET=release
if [[ ${1:-} =~ ^(release|debug|asan|tsan|cuda)$ ]]; then PRESET=$1; shift; fi
scripts/setup.sh "$PRESET"

# The Python module is tested where the LibTorch is that of a Python; no sanitizer goes into a Python.
TORCH_LIB=$(sed -n 's|^TORCH_LIBRARY:FILEPATH=\(.*\)/libtorch.so$|\1|p' "build/$PRESET/CMakeCache.txt")
if [[ ! $PRESET =~ ^(asan|tsan)$ && -e $TORCH_LIB/libtorch_python.so ]]; then
  cmake --preset "$PRESET" -DATELIER_PYTHON=ON >/dev/null
  cmake --build --preset "$PRESET"
fi

# Tests read TensorBoard events with TensorBoard itself and stores with h5py, write parquet files with pyarrow and render with
# vtk, from a virtual environment inside the checkout.
if ! .venv/bin/python -c 'import h5py, PIL, pyarrow, tensorboard, vtkmodules' 2>/dev/null; then
  echo "Installing h5py, pillow, pyarrow, tensorboard and vtk into .venv (once)" >&2
  [[ -x .venv/bin/python ]] || python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check h5py==3.16.0 pillow==13.0.0 pyarrow==26.0.1 tensorboard==2.21.0 vtk==9.7.2 >&2
fi
export TEST_PYTHON=$PWD/.venv/bin/python

ctest --preset "$PRESET" --parallel "$(nproc)" "$@"
