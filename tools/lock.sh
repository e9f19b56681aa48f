#!/usr/bin/env bash
# Pin the newest versions that pyproject.toml admits in constraints.txt: names and versions, no addresses, no hashes, so
# that it serves with any index. Solved in an environment of its own, with the oldest supported Python at hand.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for python in python3.11 python3.12 python3.13 python3.14 python3; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
done
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --upgrade pip
"$work/venv/bin/python" -m pip install --quiet --group test --group lint .
{
  sed -n '/^#/p' constraints.txt
  "$work/venv/bin/python" -m pip freeze --exclude profile-smoke
} >"$work/constraints.txt"
mv "$work/constraints.txt" constraints.txt
