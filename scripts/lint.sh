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
printf '%s\n' "${SOURCES[@]}" | grep '\.cpp$' | grep -v '^tests/' |
  xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/release --extra-arg=-Wno-unknown-warning-option
