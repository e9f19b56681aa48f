#!/usr/bin/env bash
# Pull the pinned images that are not kept yet into the store, from where engines are filled.
#
#   SCENARIOS   whose images, apart by blanks
#
# Where that does not work (no skopeo, say) engines pull for themselves, so it is told and fails nothing.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

words=()
for name in $SCENARIOS; do words+=(--scenario "$name"); done
as_root "$bin/profile-smoke" images prepare --into-store "${words[@]}" ||
  echo 'pinned images are not kept this time; the lines above say why'
