#!/usr/bin/env bash
# Builds Atelier and runs every test.
#
#   scripts/test.sh [PRESET] [ctest arguments...]     scripts/test.sh asan -R '^data\.'
set -euo pipefail
cd "$(dirname "$0")/.."

PRESET=release
if [[ ${1:-} =~ ^(release|debug|asan|tsan|cuda)$ ]]; then PRESET=$1; shift; fi
scripts/setup.sh "$PRESET"

# One test reads TensorBoard events back with TensorBoard itself, from a virtual environment inside the checkout.
if ! .venv/bin/python -c 'import tensorboard' 2>/dev/null; then
  echo "Installing tensorboard into .venv (once)" >&2
  [[ -x .venv/bin/python ]] || python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check tensorboard==2.21.0 >&2
fi
export TEST_PYTHON=$PWD/.venv/bin/python

ctest --preset "$PRESET" --parallel "$(nproc)" "$@"
