#!/usr/bin/env bash
# Merge the results of a workflow's jobs and judge them as one, with the repository's gate.
#
#   tools/gate-shards.sh FOLDER    of results, at any depth: *.json
#
# Writes result.json, report.html and result.sarif. EXPECTED is what `list --format matrix` gave the jobs: a cell of which
# there is no result fails the gate, for its job may have died before it wrote one.
set -euo pipefail
config=${CONFIG:-.github/profile-smoke.toml}
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }

mapfile -d '' -t parts < <(find "$1" -name '*.json' -type f -print0 | sort -z)
if [ ${#parts[@]} -eq 0 ]; then
  echo '::error title=profile-smoke::no job left a result: there is nothing to judge'
  exit 3
fi
profile-smoke report merge "${parts[@]}" --output merged.json

missing=$(python3 - merged.json <<'END'
import json, os, sys
with open(sys.argv[1], encoding="utf-8") as file:
    found = {cell["id"] for cell in json.load(file)["cells"]}
expected = json.loads(os.environ.get("EXPECTED") or '{"include": []}')["include"]
print(", ".join(sorted(cell["id"] for cell in expected if cell["id"] not in found)))
END
)

code=0
profile-smoke gate merged.json --config "$config" --format github --report json=result.json --report html=report.html \
  --report sarif=result.sarif --report markdown=summary.md || code=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f summary.md ]; then cat summary.md >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "$missing" ]; then
  printf '::error title=profile-smoke::no result of %s\n' "$missing"
  if [ "$code" -eq 0 ]; then code=4; fi
fi
exit "$code"
