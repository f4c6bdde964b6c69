#!/bin/bash
# Run once by the PostgreSQL image, on an empty data folder: a role and a database of its own for each, with the passwords that the set-up made.
set -euo pipefail
for name in leadscoring n8n; do
  file=/secrets/postgres/${name/leadscoring/sidecar}
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set=name="$name" --set=password="$(cat "$file")" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke connect on database :"name" from public;
SQL
done
