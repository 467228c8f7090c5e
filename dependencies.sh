#!/bin/sh
# Installs the Debian packages that primer is built from, where they are missing; does nothing when none is.
# `dependencies.sh check` only says what is missing and how to get it. Elsewhere than on Debian it lists them.
# `dependencies.sh install PACKAGE...` installs those too; PACKAGE:arm64 is one of another architecture, which Debian
# can have beside its own.
set -eu

packages="g++ cmake ninja-build libopenblas-openmp-dev libcli11-dev nlohmann-json3-dev libcereal-dev libutf8proc-dev doctest-dev strace"
if [ "${1:-}" = install ]; then
  shift
  packages="$packages $*"
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  if ! command -v cmake >/dev/null || [ "${1:-}" != check ]; then
    echo "There is no apt here, so nothing was installed. primer needs what Debian calls: $packages" >&2
  fi
  exit 0
fi

missing=""
for package in $packages; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "${1:-}" = check ]; then
  echo "Missing packages:$missing. \`make dependencies\` installs them." >&2
  exit 0
fi

root=""
if [ "$(id -u)" != 0 ]; then
  root="sudo"
  if ! command -v sudo >/dev/null; then
    echo "Missing packages, and neither root nor sudo to install them. Run as root: apt-get install$missing" >&2
    exit 1
  fi
fi

say_and_run() {
  echo "$*" >&2
  "$@"
}
install="env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
update="env DEBIAN_FRONTEND=noninteractive apt-get update"

for package in $missing; do
  architecture=${package##*:}
  if [ "$architecture" != "$package" ] && ! dpkg --print-foreign-architectures | grep -qx "$architecture"; then
    say_and_run $root dpkg --add-architecture "$architecture"
    say_and_run $root $update
  fi
done

# A fresh machine has no package lists, an old one has lists of files that are gone: both need an update first.
if ! find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | grep -q .; then
  say_and_run $root $update
  say_and_run $root $install $missing
else
  say_and_run $root $install $missing || { say_and_run $root $update && say_and_run $root $install $missing; }
fi
