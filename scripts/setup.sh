#!/usr/bin/env bash
# Makes a checkout ready: system packages, LibTorch, configuration, build. Run it again at any time; a second run takes
# seconds.
#
#   scripts/setup.sh [PRESET [TARGET]]    PRESET: release (default), debug, asan, tsan, cuda
#                                         TARGET: all (default, with the tests), programs
#
# LibTorch is the first of: the one that CMAKE_PREFIX_PATH or TORCH_DIR names, the active Python's torch 2.13, or torch
# 2.13.0 installed into .venv inside the checkout. System packages are installed when this user may do so, else the one
# line that installs them is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

PRESET=${1:-release}
TARGET=${2:-all}
TORCH_VERSION=2.13.0
PACKAGES=(
  build-essential ccache cmake git ninja-build pkg-config python3 python3-dev python3-venv
  libavif-dev libcurl4-openssl-dev libcxxopts-dev libexif-dev libfmt-dev libgmock-dev libgtest-dev libhdf5-dev
  libisal-dev libjpeg-dev libjxl-dev libopencv-dev libpng-dev libssl-dev libtbb-dev libtiff-dev libturbojpeg0-dev
  libwebp-dev libyaml-cpp-dev libzstd-dev
  nginx-light nlohmann-json3-dev sweethome3d-furniture
)

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
stop() { printf 'setup.sh: %s\n' "$*" >&2; exit 2; }

install_system_packages() {
  command -v dpkg-query >/dev/null || stop "this system has no dpkg; install what ${PACKAGES[*]} hold, then run cmake --preset $PRESET"
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null || stop "packages are missing; run: sudo apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo -n)
  fi
  say "Installing ${missing[*]}"
  # nginx-light would start a web server of the system's own; the demo runs its own instead.
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

torch_of() {  # the CMake folder of a Python's torch, if it has the right one
  "$1" -c "
import importlib.metadata, importlib.util, pathlib, sys
if importlib.metadata.version('torch').split('+')[0] != '$TORCH_VERSION': sys.exit(1)
print(pathlib.Path(importlib.util.find_spec('torch').origin).parent / 'share' / 'cmake')" 2>/dev/null
}

find_torch() {
  local folder
  if [[ -n ${TORCH_DIR:-} ]]; then echo "$TORCH_DIR"; return; fi
  IFS=: read -ra folders <<<"${CMAKE_PREFIX_PATH:-}"
  for folder in "${folders[@]}"; do
    if [[ -e $folder/Torch/TorchConfig.cmake || -e $folder/share/cmake/Torch/TorchConfig.cmake ]]; then echo "$folder"; return; fi
  done
  if torch_of python3; then return; fi
  [[ $PRESET != cuda ]] || stop "the preset cuda needs a LibTorch with CUDA; name its folder in TORCH_DIR"
  if ! torch_of .venv/bin/python; then
    say "Installing torch $TORCH_VERSION into .venv (once)"
    [[ -x .venv/bin/python ]] || python3 -m venv .venv || stop "python3 cannot make the virtual environment .venv; see above"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "torch==$TORCH_VERSION" >&2 ||
      stop "torch $TORCH_VERSION could not be installed into .venv; see above, mend it and try again, or name a LibTorch in TORCH_DIR"
    torch_of .venv/bin/python || stop "torch $TORCH_VERSION was installed into .venv but cannot be found there; remove .venv and try again"
  fi
}

install_system_packages
torch=$(find_torch)
if [[ ! -e build/$PRESET/build.ninja ]] || ! grep -qxF "TORCH_DIR:UNINITIALIZED=$torch" "build/$PRESET/CMakeCache.txt"; then
  say "Configuring build/$PRESET with the LibTorch of $torch"
  cmake --preset "$PRESET" "-DTORCH_DIR=$torch" >/dev/null
fi
say "Building build/$PRESET ($TARGET)"
cmake --build --preset "$PRESET" --target "$TARGET"
