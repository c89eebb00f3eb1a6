#!/usr/bin/env bash
# Checks that every source is formatted (clang-format) and clean (clang-tidy), against a configured build.
#
#   scripts/lint.sh [FOLDER...]      scripts/lint.sh data images
set -euo pipefail
cd "$(dirname "$0")/.."

FOLDERS=("$@")
((${#FOLDERS[@]})) || FOLDERS=(base configs images data models train inference tests)
[[ -e build/release/compile_commands.json ]] || { echo "lint.sh: configure first: scripts/setup.sh" >&2; exit 2; }
mapfile -t SOURCES < <(git ls-files -- "${FOLDERS[@]}" | grep -E '\.(cpp|h)$')
clang-format --dry-run --Werror "${SOURCES[@]}"

# clang cannot read GCC's precompiled headers, so it reads what they were made of; nor has it a header of OpenMP.
COMMANDS=build/lint
mkdir -p "$COMMANDS"
sed 's| -Winvalid-pch -include [^ ]*cmake_pch.hxx| -include torch/nn/module.h|; s| -fopenmp||' build/release/compile_commands.json >"$COMMANDS/compile_commands.json"
printf '%s\n' "${SOURCES[@]}" | grep '\.cpp$' | grep -v '^tests/' |
  xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$COMMANDS" --extra-arg=-Wno-unknown-warning-option
