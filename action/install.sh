#!/usr/bin/env bash
# Install this checkout into an environment of its own: nothing of the job's Python is touched.
#
#   PYTHON   the Python that it is made with
#
# Where the settings have the target oci, the tools for it as well that the runner lacks.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

command -v "$PYTHON" >/dev/null || fail "there is no $PYTHON; use actions/setup-python before, or name another with python:"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$PYTHON is $("$PYTHON" --version 2>&1), and 3.11 or newer is needed; use actions/setup-python before"

# A second use in one job finds it made. The stamp comes last, so that half of one is made anew.
stamp=$work/venv/.installed-from
if [ "$(cat "$stamp" 2>/dev/null)" != "$GITHUB_ACTION_PATH" ]; then
  mkdir -p "$work"
  "$PYTHON" -m venv --clear "$work/venv"
  "$bin/python" -m pip --disable-pip-version-check --quiet --no-input install \
    --constraint "$GITHUB_ACTION_PATH/constraints.txt" "$GITHUB_ACTION_PATH"
  printf '%s\n' "$GITHUB_ACTION_PATH" >"$stamp"
fi
printf '%s\n' "$bin" >>"$GITHUB_PATH"
"$bin/profile-smoke" --version

# Settings that cannot be used are told by the step that runs them.
targets=$("$bin/profile-smoke" config --format json 2>/dev/null | "$bin/python" -c '
import json, sys
settings = {each["name"]: each["value"] for each in json.load(sys.stdin)["settings"]}
print(*settings["target"])' 2>/dev/null) || targets=
if [[ " $targets " == *" oci "* ]]; then
  missing=()
  for tool in runc skopeo umoci mmdebstrap; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
  fi
fi
