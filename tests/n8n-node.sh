#!/usr/bin/env bash
# The n8n community node in connectors/n8n-nodes-lead-scoring: installs its tools when they have changed, then
#
#   n8n-node.sh build       compiles into dist, when something has changed
#   n8n-node.sh check       build, lint, unit tests, what the package holds; the same sources give the same bytes
#   n8n-node.sh pack DIR    build, and the package as npm would publish it, unpacked into DIR/n8n-nodes-lead-scoring
#
# Needs node (18 or newer) and npm. Exit code 69: a part that this script cannot supply is missing (a tool, the network).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=$(cd "$here/../connectors/n8n-nodes-lead-scoring" && pwd)
say() { printf '%s n8n-node: %s\n' "$(date +%T)" "$*" >&2; }
missing() { say "$*"; exit 69; }

install() {
  for tool in node npm flock tar; do
    command -v "$tool" >/dev/null || missing "$tool is missing (apt-get install nodejs npm util-linux tar)"
  done
  cmp -s "$package/package-lock.json" "$package/node_modules/.installed" && return
  say "installing the build tools of the node (about a minute, 210 MB)"
  (cd "$package" && npm ci --prefer-offline --loglevel=error >&2) || missing "npm could not install the build tools of the node"
  cp "$package/package-lock.json" "$package/node_modules/.installed"   # last: says that the install is whole
}

# Two test runs may start at the same time: the second waits for the first.
prepare() {
  exec 9>"$package/.lock"
  flock 9
  install
  local built=$package/node_modules/.built
  [ -d "$package/dist" ] && [ -e "$built" ] && [ -z "$(find "$package"/{credentials,icons,nodes,scripts,package.json,tsconfig.json} -newer "$built" -print -quit)" ] && return
  (cd "$package" && npm run --silent build)
  touch "$built"
}

pack() {
  local target; target=$(mkdir -p "$1" && cd "$1" && pwd)
  local tarball; tarball=$(cd "$package" && npm pack --silent --pack-destination "$target")
  rm -rf "$target/n8n-nodes-lead-scoring"; mkdir "$target/n8n-nodes-lead-scoring"
  tar -xzf "$target/$tarball" -C "$target/n8n-nodes-lead-scoring" --strip-components=1
  sha256sum <"$target/$tarball"
  rm "$target/$tarball"
}

check() {
  cd "$package"
  npm run --silent lint
  npm run --silent test
  local once twice scratch; scratch=$(mktemp -d)
  once=$(pack "$scratch"); npm run --silent build; twice=$(pack "$scratch")
  [ "$once" = "$twice" ] || { say "two builds gave different packages: $once, $twice"; exit 1; }
  local strays; strays=$(cd "$scratch/n8n-nodes-lead-scoring" && find . -type f | grep -Ev '^\./(LICENSE|README\.md|package\.json|dist/(credentials|icons|nodes)/.*\.(js|node\.json|svg))$' || true)
  [ -z "$strays" ] || { say "the package holds what it should not: $strays"; exit 1; }
  rm -rf "$scratch"
}

case ${1:-} in
  build) prepare ;;
  check) prepare; check >&2 ;;
  pack) [ $# = 2 ] || { sed -n '4,6p' "${BASH_SOURCE[0]}" >&2; exit 2; }; prepare; pack "$2" ;;
  *) sed -n '4,6p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
