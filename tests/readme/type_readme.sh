#!/usr/bin/env bash
# Types README's commands as a reader would, from the top to "What it shows", in a folder beside the sources in which
# everything of theirs is to be found. The first that fails ends it. `make` is left out: who runs this has made it.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
for name in "$source"/*; do
  [ "$(basename "$name")" = runs ] || ln -s "$name" "$here/"
done
cd "$here"
commands=$(awk '/^## What it shows/ { exit } /^```sh/ { on = 1; next } /^```/ { on = 0 } on && !/^make /' \
  "$source/README.md")
[ "$(grep -c '^build/primer' <<<"$commands")" -ge 30 ] || { echo "README has lost its commands" >&2; exit 1; }
begin=$SECONDS
bash -euo pipefail -v -c "$commands" >/dev/null
echo "README's commands ran in $((SECONDS - begin)) s"
