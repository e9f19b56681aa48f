#!/usr/bin/env bash
# Launch, judge, report: the step ends with the exit code of profile-smoke, whatever the reports.
#
#   ANNOTATIONS, SUMMARY   true or false
#
# Outputs: exit-code, result, sarif, junit (paths are empty where there is no result).
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

reports=$work/reports-$$
mkdir -p "$reports"
result=$reports/result.json
declare -a words
invocation

# Whatever a container says while it runs is no command to the runner.
token=$("$bin/python" -c 'import secrets; print(secrets.token_hex(16))')
printf '::stop-commands::%s\n' "$token"
code=0
# As root: the supervisor looks into the container's processes, and reads loaded filters back.
as_root "$bin/profile-smoke" run "${words[@]}" --format json --output "$result" || code=$?
printf '::%s::\n' "$token"
if [ "$(id -u)" -ne 0 ]; then
  # What is kept and what later steps read must not be root's alone.
  as_root chown -R "$(id -u):$(id -g)" "$reports" "$PROFILE_SMOKE_HOME/images" 2>/dev/null || true
fi

output exit-code "$code"
if [ ! -s "$result" ]; then
  fail "nothing was run (exit code $code); the lines above say why" "$code"
fi
output result "$result"
format=github
if [ "$ANNOTATIONS" != true ]; then format=table; fi
# The exit code is that of the run: what it says of cells was said before, and a report that cannot be written is missing below.
"$bin/profile-smoke" report "$result" --format "$format" --exit-zero --report "sarif=$reports/result.sarif" \
  --report "junit=$reports/junit.xml" --report "markdown=$reports/summary.md" || true
if [ -f "$reports/result.sarif" ]; then output sarif "$reports/result.sarif"; fi
if [ -f "$reports/junit.xml" ]; then output junit "$reports/junit.xml"; fi
if [ "$SUMMARY" = true ] && [ -f "$reports/summary.md" ]; then cat "$reports/summary.md" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$code"
