# shellcheck shell=bash disable=SC2034
# What the steps of the action share. Sourced.
#
# The runner gives: RUNNER_TEMP, GITHUB_ACTION_PATH, GITHUB_OUTPUT, GITHUB_PATH, GITHUB_STEP_SUMMARY.
set -euo pipefail

work=$RUNNER_TEMP/profile-smoke
bin=$work/venv/bin
export PROFILE_SMOKE_HOME=${PROFILE_SMOKE_HOME:-$work/home}

# A line of the log that the runner shows as an error. The text is ours.
fail() {
  printf '::error title=profile-smoke::%s\n' "$1"
  exit "${2:-1}"
}

output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

# as_root COMMAND...: with the variables that profile-smoke, engine and cluster are found by.
as_root() {
  if [ "$(id -u)" -eq 0 ] || ! sudo -n true 2>/dev/null; then
    "$@"
    return
  fi
  local kept
  kept=$(compgen -e | grep -E '^(PROFILE_SMOKE_|GITHUB_WORKSPACE$|DOCKER_|KUBECONFIG$|REGISTRY_AUTH_FILE$|CI$|NO_COLOR$|SSL_CERT_|(https?|all|no)_proxy$|(HTTPS?|ALL|NO)_PROXY$)' |
    paste -sd, -)
  DOCKER_CONFIG=${DOCKER_CONFIG:-$HOME/.docker} KUBECONFIG=${KUBECONFIG:-$HOME/.kube/config} \
    sudo --preserve-env="$kept,DOCKER_CONFIG,KUBECONFIG" "$@"
}

# The options that are of one invocation, and so no settings: into the array `words`.
invocation() {
  words=()
  local id
  while IFS= read -r id; do
    if [ -n "$id" ]; then words+=(--only "$id"); fi
  done < <(printf '%s' "$ONLY" | tr ',' '\n' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//'; echo)
  if [ -n "$SHARD" ]; then words+=(--shard "$SHARD"); fi
}
