#!/usr/bin/env bash
# Say by what key the selected images are kept: those that are pinned by digest, for any other may move under its name.
#
# Outputs: key (empty where no image is pinned), path, and the scenarios of pinned images, apart by blanks.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

declare -a words
invocation
# What is wrong with the selection is told by the step that runs it.
if ! "$bin/profile-smoke" list --format json "${words[@]}" --output "$work/cells.json" 2>/dev/null; then
  output key ''
  exit
fi
{ read -r key; read -r scenarios; } < <("$bin/python" - "$work/cells.json" <<'END'
import hashlib, json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    pinned = {cell["scenario"]: cell["image"] for cell in json.load(file) if "@sha256:" in cell["image"]}
refs = "\n".join(sorted(set(pinned.values())))
print(hashlib.sha256(refs.encode()).hexdigest()[:32] if pinned else "")
print(" ".join(sorted(pinned)))
END
)
mkdir -p "$PROFILE_SMOKE_HOME/images"
output key "${key:+profile-smoke-images-v1-${RUNNER_OS:-Linux}-${RUNNER_ARCH:-X64}-$key}"
output path "$PROFILE_SMOKE_HOME/images"
output scenarios "$scenarios"
