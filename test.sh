#!/usr/bin/env bash
# Sets up what the tests need and runs all of them.
#   ./test.sh          everything (installs n8n from npm on first use: about 10 minutes once, then cached)
#   ./test.sh --fast   without what needs a server process, n8n or a browser, what trains much, the node's own checks and the analyzers: under 3 minutes
# CI=true turns "a part is missing, skipped" into a failure.
# LEADSCORING_CACHE: where large downloads are kept (default ~/.cache/leadscoring).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here"
fast=false
for argument in "$@"; do
  case $argument in
    --fast) fast=true ;;
    *) echo "usage: ./test.sh [--fast]" >&2; exit 2 ;;
  esac
done
say() { printf '%s\n' "== $*" >&2; }
command -v dotnet >/dev/null 2>&1 || { echo "error: the .NET 10 SDK is missing: https://dotnet.microsoft.com/download" >&2; exit 1; }

# ---------- apt packages, only those missing ----------
# tzdata: schedules of jobs are meant in a zone.
packages=(libxgboost0 tzdata nodejs npm)
$fast || packages+=(g++ make python3 libsqlite3-dev chromium curl postgresql redis-server)
# Parts of a container engine, and a web server that starts by itself where services do: not on a developer's machine without being asked.
$fast || [ -z "${CI:-}" ] || packages+=(buildah debootstrap docker-compose iproute2 dnsmasq-base nginx-light prometheus python3-yaml)
missing=()
if command -v dpkg-query >/dev/null 2>&1; then
  for package in "${packages[@]}"; do
    # A tool that came another way than by apt counts too.
    case $package in nodejs) command -v node >/dev/null && continue ;; npm | g++ | make | python3 | curl | chromium | redis-server) command -v "$package" >/dev/null && continue ;; esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
fi
if [ ${#missing[@]} -gt 0 ]; then
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  say "Installing ${missing[*]}"
  { $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends "${missing[@]}"; } >/tmp/leadscoring-apt.log 2>&1 \
    || say "some packages could not be installed (see /tmp/leadscoring-apt.log); tests that need them are skipped, or fail when CI is set"
fi

# ---------- build; the n8n node at the same time: its install waits for the network ----------
say "Building"
results=$(mktemp -d)
if ! $fast; then
  tests/n8n-node.sh check >"$results/node.log" 2>&1 &
  node_check=$!
fi
dotnet restore LeadScoring.N8n.sln --locked-mode -v quiet --nologo
# Analyzers are a third of the build. Benchmarks and the browser's tests have no fast ones.
$fast && build=(tests/fast.slnf -p:RunAnalyzers=false) || build=(LeadScoring.N8n.sln)
dotnet build "${build[@]}" -c Release --no-restore --nologo -v quiet

# ---------- tests ----------
export OMP_WAIT_POLICY=passive
filter=()
$fast && filter=(--filter 'Category!=Server&Category!=Slow')
failed=0
if ! $fast; then
  say "n8n-nodes-lead-scoring: lint, unit tests, package"
  code=0
  wait $node_check || code=$?
  if [ $code = 69 ] && [ -z "${CI:-}" ]; then say "skipped: $(tail -1 "$results/node.log")"
  elif [ $code != 0 ]; then cat "$results/node.log" >&2; failed=1
  else grep -E '^(# |ℹ )(pass|fail) ' "$results/node.log" >&2; fi
fi
run_project() { # NAME
  dotnet test "tests/LeadScoring.$1.Tests" -c Release --no-build --nologo "${filter[@]}" --logger "trx;LogFileName=$1.trx" --results-directory "$results"
}
# n8n is mostly waited for: its tests run beside others. The sidecar's measure time, and run alone.
if ! $fast; then
  run_project Workflows >"$results/workflows.log" 2>&1 &
  workflows=$!
fi
beside=(Connectors Ml)
$fast && beside+=(Workflows) || beside+=(Dashboard)
for project in "${beside[@]}"; do
  say "LeadScoring.$project.Tests"
  run_project $project || failed=1
done
if ! $fast; then
  say "LeadScoring.Workflows.Tests"
  wait $workflows || failed=1
  cat "$results/workflows.log"
fi
say "LeadScoring.Sidecar.Tests"
run_project Sidecar || failed=1

# The compose file and the images, beside the next tests: packages are unpacked and processes waited for.
if ! $fast; then
  tests/compose.sh >"$results/compose.log" 2>"$results/compose.errors" &
  compose=$!
fi

# The same tests over PostgreSQL. Commands and the processes that they start are about SQLite's file unless their name says Postgres, the others named here about models.
if ! $fast; then
  say "LeadScoring.Sidecar.Tests over PostgreSQL"
  code=0
  tests/with-postgres.sh dotnet test tests/LeadScoring.Sidecar.Tests -c Release --no-build --nologo \
    --filter '(FullyQualifiedName~Postgres|Category!=Server)&(FullyQualifiedName~Postgres|FullyQualifiedName!~Tests.Cli.)&FullyQualifiedName!~Tests.Architecture.&FullyQualifiedName!~YearTests&FullyQualifiedName!~PoisonedRetrain&FullyQualifiedName!~ChangeOfRule&FullyQualifiedName!~ExternalTraining&FullyQualifiedName!~CertaintyTests&FullyQualifiedName!~CounterfactualTests&FullyQualifiedName!~BackfillKill' --logger "trx;LogFileName=postgres.trx" --results-directory "$results" || code=$?
  if [ $code = 69 ] && [ -z "${CI:-}" ]; then say "skipped: no PostgreSQL server could be installed"; elif [ $code != 0 ]; then failed=1; fi
fi

containers="0 passed, 0 failed"
if ! $fast; then
  say "docker-compose.n8n.yml"
  code=0
  wait $compose || code=$?
  if [ $code = 70 ] || { [ $code = 69 ] && [ -z "${CI:-}" ]; }; then say "skipped: $(tail -1 "$results/compose.errors")"
  elif [ $code != 0 ]; then cat "$results"/compose.{errors,log} >&2; failed=1; fi
  containers=$(sed -n 's/^compose: //p' "$results/compose.log"); containers=${containers:-0 passed, 0 failed}
  say "compose: $containers"
fi

# ---------- one closing line over all projects ----------
total() { local n=0 v; for v in $(grep -ho "<Counters [^>]*" "$results"/*.trx | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p"); do n=$((n + v)); done; echo "$n"; }
passed=$(total passed); bad=$(total failed); executed=$(total executed); all=$(total total)
passed=$((passed + ${containers%% passed*})); bad=$((bad + $(echo "$containers" | sed 's/.*, \(.*\) failed/\1/')))
rm -rf "$results"
# A project that died before its tests ran has no result file: that is a failure, whatever was counted.
[ $failed = 1 ] && [ "$bad" = 0 ] && bad=1
skipped=$((all - executed))
[ $skipped = 0 ] || say "$skipped skipped: parts that are missing here, or --fast"
status=0
[ "$bad" = 0 ] && [ $failed = 0 ] || status=1
echo "$passed passed, $bad failed"
exit $status
