#!/usr/bin/env bash
# What a user gets: build the wheel, install it away from the checkout with nothing but its own dependencies, use it.
#
#   tools/try-wheel.sh [TARGET]    TARGET of the one cell that is launched (default: oci)
#
# PYTHON names the interpreter (default: python3).
set -euo pipefail
target=${1:-oci}
checkout=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip --quiet --quiet wheel --no-deps --wheel-dir dist "$checkout"
venv/bin/python -m pip --quiet --quiet install --constraint "$checkout/constraints.txt" dist/*.whl

venv/bin/profile-smoke --version
venv/bin/profile-smoke list --target "$target" --profile minimal
venv/bin/profile-smoke --only "runtime-default/nginx@$target" --target "$target" --report json=result.json
venv/bin/python - result.json <<'END'
import json, sys
[cell] = json.load(open(sys.argv[1]))["cells"]
sys.exit(cell["verdict"] != "passed")
END
