#!/usr/bin/env bash
# Sets up what is missing, builds, and runs.
#   ./run.sh                 first start: demo organization with a trained model; then the service on http://127.0.0.1:5080
#   ./run.sh COMMAND ...     any command: serve, demo, import, profile infer, train, evaluate, score, keys, backup, restore (--help lists them)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { printf '%s\n' "$*" >&2; }

# ---------- .NET SDK ----------
if ! command -v dotnet >/dev/null 2>&1; then
  say "error: the .NET 10 SDK is missing. Install it from https://dotnet.microsoft.com/download and run this again."
  exit 1
fi

# ---------- libxgboost: needed to train, not to score ----------
has_xgboost() { [ -n "${LEADSCORING_LIBXGBOOST:-}" ] || ldconfig -p 2>/dev/null | grep -q libxgboost || [ -e /usr/lib/x86_64-linux-gnu/libxgboost.so.0 ] || [ -e /usr/lib/aarch64-linux-gnu/libxgboost.so.0 ]; }
if ! has_xgboost && command -v apt-get >/dev/null 2>&1; then
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  say "Installing libxgboost0 (once) ..."
  if ! { $sudo apt-get install -y --no-install-recommends libxgboost0 || { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends libxgboost0; }; } >/tmp/leadscoring-apt.log 2>&1; then
    say "warning: libxgboost0 could not be installed (see /tmp/leadscoring-apt.log). Existing models still score; training needs it:"
    say "  Debian or Ubuntu: apt-get install libxgboost0; elsewhere set LEADSCORING_LIBXGBOOST to the path of libxgboost.so"
  fi
fi

# ---------- npm: the dashboard's charts, when the sidecar is built ----------
if ! command -v npm >/dev/null 2>&1; then
  if command -v apt-get >/dev/null 2>&1; then
    sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
    say "Installing nodejs and npm (once) ..."
    { $sudo apt-get install -y --no-install-recommends nodejs npm || { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends nodejs npm; }; } >/tmp/leadscoring-apt.log 2>&1 || true
  fi
  command -v npm >/dev/null 2>&1 || say "warning: npm is missing; the dashboard will show tables without charts."
fi

# ---------- build, when something changed ----------
out=$here/sidecar/LeadScoring.Sidecar/bin/Release/net10.0
dll=$out/LeadScoring.Sidecar.dll
stamp=$out/.built
if [ ! -f "$dll" ] || [ ! -f "$stamp" ] || [ -n "$(find "$here/sidecar" "$here/Directory.Build.props" "$here/Directory.Packages.props" -newer "$stamp" -type f -not -path '*/bin/*' -not -path '*/obj/*' -print -quit)" ]; then
  say "Building ..."
  log=$(mktemp)
  if ! dotnet build "$here/sidecar/LeadScoring.Sidecar" -c Release --nologo -v quiet >"$log" 2>&1; then
    cat "$log" >&2
    say "error: the build failed, see above."
    exit 1
  fi
  rm -f "$log"
  touch "$stamp"
fi

# Threads of OpenMP that wait by spinning would take the cores from scoring.
export OMP_WAIT_POLICY=passive
if [ $# -gt 0 ]; then exec dotnet "$dll" "$@"; fi

data=${LEADSCORING__DATA:-./data}
url=${LEADSCORING__URL:-http://127.0.0.1:5080}
if has_xgboost; then
  dotnet "$dll" demo --if-empty --data "$data" --url "$url"
else
  say "No demo without libxgboost; the service starts with rules, or with the models that are there."
fi
exec dotnet "$dll" serve --data "$data" --url "$url"
