#!/usr/bin/env bash
# Run profile-smoke from .venv, as root where that is needed: without a reachable engine it uses runc itself.
#
#   tools/smoke.sh [OPTIONS of profile-smoke]
set -euo pipefail
bin=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin

engine_answers() { "$bin/python" -c 'import docker; docker.from_env(timeout=5).ping()' 2>/dev/null; }

if [ "$(id -u)" -eq 0 ] || engine_answers; then exec "$bin/profile-smoke" "$@"; fi
if command -v sudo >/dev/null; then
  echo 'smoke: no engine answers, so containers are run by runc, which needs root: asking sudo' >&2
  exec sudo --preserve-env=PROFILE_SMOKE_HOME,NO_COLOR "$bin/profile-smoke" "$@"
fi
exec "$bin/profile-smoke" "$@"
