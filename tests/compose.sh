#!/usr/bin/env bash
# docker-compose.n8n.yml and its Dockerfiles, tried without a container engine (root and Debian packages are enough):
#
#   tests/compose.sh            everything, about five minutes; the Debian base image is kept in LEADSCORING_CACHE
#
# 1. The compose file, plain and with the profile "scale", is valid and says what it should.
# 2. Both Dockerfiles are built by buildah, step by step, over a clean Debian made by debootstrap.
# 3. Every service runs as the file says (entry point, user, capabilities, read-only root, environment, secrets) in namespaces of its own:
#    the sidecar out of its built image; PostgreSQL, Redis, nginx and n8n from this machine's packages in the place of theirs. See compose/stack.py.
#
# Ends with a line "compose: N passed, M failed". Exit code 69: a part that this script cannot supply is missing; 70: the sandbox it runs in forbids what it needs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/.." && pwd)
cache=${LEADSCORING_CACHE:-$HOME/.cache/leadscoring}
say() { printf '%s compose: %s\n' "$(date +%T)" "$*" >&2; }
missing() { say "$*"; exit 69; }

[ "$(id -u)" = 0 ] || missing "needs root, for namespaces and a clean root"
for tool in buildah debootstrap docker-compose ip dnsmasq nginx promtool redis-server unshare setpriv node npm; do
  command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || missing "$tool is missing (apt-get install buildah debootstrap docker-compose iproute2 dnsmasq-base nginx-light prometheus redis-server util-linux nodejs npm)"
done
export PATH=$PATH:/usr/sbin
# Some sandboxes let nobody make namespaces or mounts: nothing that could be installed.
unshare --mount --net sh -c 'mkdir -p /tmp/leadscoring-mount && mount -t tmpfs tmpfs /tmp/leadscoring-mount && cd /tmp/leadscoring-mount && mkdir a b c && mount -t overlay overlay -o lowerdir=/,upperdir=a,workdir=b c' 2>/dev/null \
  || { say "namespaces and mounts are not allowed here"; exit 70; }
ls -d /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing "PostgreSQL is missing (apt-get install postgresql)"
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")

scratch=$(mktemp -d /tmp/leadscoring-compose-XXXXXX)
store=(buildah --root "$scratch/storage" --runroot "$scratch/run")
finish() {
  local failed=$?
  "${store[@]}" umount --all >/dev/null 2>&1 || true
  "${store[@]}" rm --all >/dev/null 2>&1 || true
  [ $failed = 0 ] || tail -n 40 "$scratch"/*.log >&2 2>/dev/null || true
  umount "$scratch/storage/overlay" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---------- 1. the file ----------
# The checker knows the specification of 2021: the name of the project and optional files came later, and are left out for it.
render() { sed -e '/^name:/d' -e '/^    env_file:/d' "$tree/docker-compose.n8n.yml" >"$scratch/plain.yml"; docker-compose --project-directory "$tree" --env-file "$1" -f "$scratch/plain.yml" config; }
: >"$scratch/nothing.env"
sed -n 's/^#\([A-Z0-9_]*=.*\)/\1/p' "$tree/.env.example" >"$scratch/everything.env"
render "$scratch/nothing.env" >"$scratch/default.yml"
(set -a; . "$scratch/everything.env"; render "$scratch/everything.env") >"$scratch/scale.yml"
say "the compose file is valid, plain and with every line of .env.example"
promtool check rules "$tree/sidecar/monitoring/rules.yml" >"$scratch/promtool.log"
sed 's#/etc/prometheus/rules.yml#'"$tree"'/sidecar/monitoring/rules.yml#; s#/secrets/prometheus/metrics-token#/dev/null#' "$tree/sidecar/monitoring/prometheus.yml" >"$scratch/prometheus.yml"
promtool check config "$scratch/prometheus.yml" >>"$scratch/promtool.log"
say "the alert rules and Prometheus's configuration are valid"

# ---------- 2. the images ----------
base=$cache/debian-bookworm.tar
if [ ! -s "$base" ]; then
  say "making a clean Debian (about a minute, kept in $base)"
  mkdir -p "$cache"
  debootstrap --variant=minbase bookworm "$scratch/debian" >"$scratch/debootstrap.log" 2>&1 || missing "debootstrap could not make a Debian: $(tail -1 "$scratch/debootstrap.log")"
  rm -rf "$scratch/debian"/var/cache/apt/archives/*.deb
  tar -C "$scratch/debian" -cf "$base.new" . && mv "$base.new" "$base"
  rm -rf "$scratch/debian"
fi
image() { # image NAME CONTAINER
  "${store[@]}" commit -q --rm "$2" "$1" >/dev/null
}
container=$("${store[@]}" from scratch)
"${store[@]}" add -q "$container" "$base" / >/dev/null
"${store[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd bash "$container"
image localhost/debian:bookworm-slim "$container"
# In the place of Microsoft's SDK image and of Node's: this machine's own, over the same Debian, with the certificates that this machine trusts.
container=$("${store[@]}" from --pull-never localhost/debian:bookworm-slim)
"${store[@]}" copy -q "$container" "$dotnet" /usr/share/dotnet >/dev/null
"${store[@]}" copy -q "$container" "$(readlink -f "$(command -v node)")" /usr/local/bin/node >/dev/null
"${store[@]}" copy -q "$container" "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" /usr/local/lib/node_modules/npm >/dev/null
"${store[@]}" copy -q "$container" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
root=$("${store[@]}" mount "$container")
ln -s /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
cp -P /usr/lib/*-linux-gnu/libssl.so.3 /usr/lib/*-linux-gnu/libcrypto.so.3 "$root/usr/lib/"
"${store[@]}" config --env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 --env DOTNET_CLI_TELEMETRY_OPTOUT=1 --env DOTNET_NOLOGO=1 \
  --env "NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE:-online}" --env npm_config_cafile=/etc/ssl/certs/ca-certificates.crt "$container"
image localhost/tools "$container"

bud() { # bud NAME DOCKERFILE ARGUMENTS...
  local name=$1 file=$2; shift 2
  "${store[@]}" bud --format docker --isolation chroot --pull-never --network host "$@" -f "$tree/$file" -t "$name" "$tree" >"$scratch/$(basename "$name").log" 2>&1
  say "$file builds"
}
packages=()
[ -d "$HOME/.nuget/packages" ] && packages=(-v "$HOME/.nuget/packages:/root/.nuget/packages")
bud localhost/sidecar sidecar/Dockerfile "${packages[@]}" --build-arg NODE=localhost/tools --build-arg DOTNET_SDK=localhost/tools --build-arg DEBIAN=localhost/debian:bookworm-slim
bud localhost/n8n sidecar/compose/n8n.Dockerfile --build-arg NODE=localhost/tools --build-arg N8N=localhost/debian:bookworm-slim
sidecar=$("${store[@]}" from --pull-never localhost/sidecar)
n8n=$("${store[@]}" from --pull-never localhost/n8n)
"${store[@]}" inspect --type image localhost/sidecar >"$scratch/sidecar.json"

# ---------- 3. the services ----------
n8n_server=$("$here/LeadScoring.Workflows.Tests/n8n/n8n-up.sh" install)
unshare --mount --net --pid --fork --mount-proc --kill-child=SIGKILL /usr/bin/python3 "$here/compose/stack.py" "$scratch" "$("${store[@]}" mount "$sidecar")" "$("${store[@]}" mount "$n8n")" "$n8n_server"
