#!/usr/bin/env bash
# Make tests/data/golden/result.json anew, from a real run on the targets oci and docker: about a minute, as root.
# Behind it come the golden reports: pytest --update-golden tests/unit/report
#
# Two profiles of a shop: shop-db lacks calls that MariaDB needs, shop-web lacks calls that nginx does without, and permits
# ptrace. Of the scenarios one has an image that nobody can pull, and one never gets ready. The baseline was kept by
# `profile-smoke baseline update --runs 1`, but for the lines of sysinfo, eventfd2 and prlimit64 under nginx, which
# were taken out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
# Results hold the paths of files, so it runs where nothing tells of this machine.
copy=/home/ci
[ ! -e "$copy" ] || { echo "$copy is there already, and would be removed in the end" >&2; exit 1; }
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/profile-smoke" "$copy/shop"
cp -r "$root/runner" "$root/profiles" "$root/scenarios" "$copy/profile-smoke/"
cp -r "$here/seccomp" "$here/scenarios" "$here/baseline.json" "$copy/shop/"
cd "$copy/shop"
options=(--baseline baseline.json --deny-check --deny tracing --unused --jobs 2 --max-launches 60)
for profile in seccomp/shop-db.json seccomp/shop-web.json minimal database; do options+=(--profile "$profile"); done
for scenario in nginx mysql redis scenarios/ledger scenarios/storefront; do options+=(--scenario "$scenario"); done
for cell in shop-web/nginx@docker shop-db/mysql@oci minimal/nginx@oci database/redis@docker shop-web/ledger@oci \
  shop-web/storefront@oci database/nginx@oci; do options+=(--only "$cell"); done
code=0
PYTHONPATH=$copy/profile-smoke/runner "$root/.venv/bin/python" -m profile_smoke "${options[@]}" \
  --target oci --target docker -f json -o result.json || code=$?
[ "$code" = 1 ] || { echo "the run ended with $code, where 1 was expected" >&2; exit 1; }
cp result.json "$here/../result.json"
