#!/usr/bin/env bash
# Everything that is checked without running the program. Goes on after a failure, so that one run shows all.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
PATH=$PWD/.venv/bin:$PATH
failed=()

check() {
  printf '%s\n' "$*"
  "$@" || failed+=("${*:1:2}")
}

mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)

check ruff check
check ruff format --check --quiet
check mypy
# SC2016: dpkg's formats and SQL have dollars and backticks of their own.
check shellcheck --external-sources --exclude=SC2016 "${scripts[@]}"
check check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check check-jsonschema --builtin-schema vendor.github-actions action.yml
check check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
check zizmor --offline --quiet --persona=pedantic .github action.yml
check profile-smoke lint profiles scenarios

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
