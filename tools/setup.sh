#!/usr/bin/env bash
# Make this checkout ready to run: system tools by apt, and .venv with the project and its pinned dependencies.
#
#   tools/setup.sh [GROUP...]    GROUP: test, lint (the dependency groups of pyproject.toml)
#
# Does nothing where everything is in place, so it runs before every make target. Safe to run twice, side by side,
# and again after an interruption: a stamp is written only behind what is complete.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
venv=$root/.venv
made_for=$venv/.made-for

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# One set-up at a time; the lock goes when the last process that holds the file open does.
exec 9<"$0"
if command -v flock >/dev/null; then flock 9; fi

# --- what is wanted, and whether it is there already -------------------------------------------------------------

# The runtime and the image tools of the target `oci`; an engine alone needs none of them.
missing_tools() {
  for tool in runc skopeo umoci mmdebstrap; do
    command -v "$tool" >/dev/null || printf '%s ' "$tool"
  done
  # runc as other vendors package it is linked statically, but which names runc knows is asked of the library.
  ldconfig -p 2>/dev/null | grep 'libseccomp\.so\.2 ' >/dev/null || printf 'libseccomp2 '
  # Stand-ins are put together over a mounted overlay; minimal systems come without the command.
  command -v mount >/dev/null || printf 'mount '
  # Without a signature policy skopeo copies nothing.
  [ -e /etc/containers/policy.json ] || printf 'golang-github-containers-common '
  # skopeo trusts registries by it.
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki ] || printf 'ca-certificates '
}

stamp_of() { printf '%s/.setup-%s' "$venv" "${1:-project}"; }
# The interpreter's version is in it: a new one finds none of the old one's packages.
key() { { cat pyproject.toml constraints.txt; "$venv/bin/python" --version; } | sha256sum; }

# --- system packages ---------------------------------------------------------------------------------------------

as_root=()
can_install() {
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" -ne 0 ]; then
    # A terminal may be asked for a password, a CI job may not.
    if [ -t 0 ]; then command -v sudo >/dev/null || return 1
    else sudo -n true 2>/dev/null || return 1
    fi
    as_root=(sudo)
  fi
}

apt_install() {
  say "installing $*"
  local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  # An interrupted installation is finished first; without one this does nothing.
  "${as_root[@]}" dpkg --configure -a </dev/null >/dev/null
  "${as_root[@]}" "${quiet[@]}" update </dev/null
  "${as_root[@]}" "${quiet[@]}" install -y --no-install-recommends "$@" </dev/null >/dev/null
}

install_tools() {
  local missing
  read -ra missing <<<"$(missing_tools)"
  [ ${#missing[@]} -gt 0 ] || return 0
  if can_install; then
    apt_install "${missing[@]}"
  else
    say "not installed: ${missing[*]}. The target oci and stand-in images need them: install them as root," \
      "for example: apt-get install ${missing[*]}. A Docker engine with a registry works without."
  fi
}

# Tests look at the html report in a browser. Where there is none to be had they are skipped, and say so.
install_browser() {
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  if can_install && apt_install chromium fonts-dejavu-core; then return; fi
  say "no chromium installed; tests that need a browser will be skipped"
}

# --- Python ------------------------------------------------------------------------------------------------------

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if suits "$candidate"; then command -v "$candidate"; return; fi
  done
  return 1
}

choose_python() {
  if ! python=$(find_python); then
    can_install || die "no Python 3.11 or newer found; install one, for example: apt-get install python3 python3-venv"
    apt_install python3 python3-venv
    python=$(find_python) ||
      die "no Python 3.11 or newer: this distribution's python3 is $(python3 --version 2>&1); install a newer one"
  fi
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    local package
    package=$(basename "$python")-venv
    can_install || die "$python cannot make environments; install its package as root: apt-get install $package"
    apt_install "$package"
  fi
}

make_venv() {
  # Scripts in an environment hold its absolute path: a moved checkout needs a new one.
  if [ "$(cat "$made_for" 2>/dev/null)" = "$root" ] && "$venv/bin/python" -c 'import pip' 2>/dev/null; then return; fi
  [ -w . ] || die "$root is not writable for $(id -un): run as its owner"
  local python
  choose_python
  say "making .venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
  printf '%s\n' "$root" >"$made_for"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet --quiet --no-input "$@" </dev/null; }

# pip_install [GROUP]: the project itself, with the packages of a dependency group if one is named.
pip_install() {
  say "installing profile-smoke${1:+ and what \`make $1\` needs}"
  # Dependency groups came with pip 25.1.
  if "$venv/bin/python" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) >= (25, 1))'
  then pip install --upgrade 'pip>=25.1'
  fi
  pip install --constraint constraints.txt --editable . ${1:+--group "$1"}
}

# The tests of the Prometheus report run the real programs. They are unpacked into .venv, without root: installed as packages
# they would start services.
monitoring=$venv/monitoring
fetch_monitoring() {
  if command -v promtool && command -v prometheus && command -v prometheus-node-exporter; then return; fi >/dev/null
  if [ -e "$monitoring" ] || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then return; fi
  say "fetching prometheus and its node-exporter for the tests"
  rm -rf "$monitoring.new"
  mkdir -p "$monitoring.new"
  if (cd "$monitoring.new" && apt-get -qq download prometheus prometheus-node-exporter) 2>/dev/null; then
    for package in "$monitoring.new"/*.deb; do dpkg-deb -x "$package" "$monitoring.new"; done
    rm "$monitoring.new"/*.deb
    mv "$monitoring.new" "$monitoring"
  else
    rm -rf "$monitoring.new"
    say "not fetched; the tests that need them will say so"
  fi
}

ready() { [ "$(cat "$made_for" 2>/dev/null)" = "$root" ] && [ "$(cat "$(stamp_of "$1")" 2>/dev/null)" = "$(key 2>/dev/null)" ]; }

install_tools
for group in "" "$@"; do
  if ready "$group"; then continue; fi
  if [ "$group" = test ]; then install_browser; fi
  make_venv
  pip_install "$group"
  key >"$(stamp_of "$group").new"
  mv "$(stamp_of "$group").new" "$(stamp_of "$group")"
done
case " $* " in *" test "*) fetch_monitoring ;; esac
