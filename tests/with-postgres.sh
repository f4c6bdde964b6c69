#!/usr/bin/env bash
# Runs a command over a PostgreSQL server of its own, for tests only (it syncs nothing to disk):
#   tests/with-postgres.sh dotnet test tests/LeadScoring.Sidecar.Tests -c Release
# LEADSCORING_TEST_POSTGRES is its connection string. The server ends with the command, and what it kept is deleted.
# Exit code 69 without PostgreSQL (Debian: apt-get install postgresql), else the command's.
set -euo pipefail
bin=$(dirname "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1)" 2>/dev/null || true)
[ -x "$bin/initdb" ] || bin=$(dirname "$(command -v initdb 2>/dev/null || true)")
[ -x "$bin/initdb" ] || { echo "no PostgreSQL server here" >&2; exit 69; }

folder=$(mktemp -d /tmp/leadscoring-postgres-XXXXXX)
# The server refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as=(runuser -u postgres --)
fi
# By the number in its own file: nobody else's server is touched.
finish() {
  [ -f "$folder/data/postmaster.pid" ] && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

password=$(head -c 18 /dev/urandom | base64 | tr -dc A-Za-z0-9)
(umask 077; printf '%s\n' "$password" > "$folder/password"; [ ${#as[@]} = 0 ] || chown postgres "$folder/password")
"${as[@]}" "$bin/initdb" -D "$folder/data" -U leadscoring -A scram-sha-256 --pwfile="$folder/password" -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
port=""
for _ in 1 2 3 4 5 6 7 8; do
  try=$((20000 + RANDOM % 20000))
  if "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w -t 30 -l "$folder/log" \
    -o "-c listen_addresses=127.0.0.1 -p $try -k $folder -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=128MB -c max_connections=200 ${POSTGRES_OPTIONS:-}" start >/dev/null 2>&1; then
    port=$try
    break
  fi
done
[ -n "$port" ] || { echo "PostgreSQL did not start:" >&2; tail -20 "$folder/log" >&2; exit 1; }
LEADSCORING_TEST_POSTGRES="Host=127.0.0.1;Port=$port;Username=leadscoring;Password=$password;Database=postgres" "$@"
