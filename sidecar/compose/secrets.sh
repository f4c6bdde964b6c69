#!/bin/sh
# Makes every secret that the compose file needs, once: what is there stays. Each consumer has a folder that only its user can read.
#   secrets.sh [FOLDER]      default /secrets; needs root, to give the folders to their users
set -eu
umask 077
root=${1:-/secrets}
mkdir -p "$root/postgres" "$root/redis" "$root/sidecar/settings" "$root/n8n" "$root/prometheus" "$root/grafana"

hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# Written beside and moved: a secret that was cut off is no secret.
put() { cat >"$1.new"; mv "$1.new" "$1"; }
once() { [ -s "$1" ] || hex | put "$1"; }

once "$root/postgres/superuser"
once "$root/postgres/sidecar"
once "$root/postgres/n8n"
once "$root/redis/password"
once "$root/n8n/encryption-key"
once "$root/n8n/intake-key"
once "$root/n8n/forms-password"
once "$root/prometheus/metrics-token"
once "$root/grafana/admin-password"
[ -s "$root/sidecar/secrets.key" ] || head -c 32 /dev/urandom | base64 | put "$root/sidecar/secrets.key"

# The same secret in the words of whoever needs it.
printf 'Host=postgres;Database=leadscoring;Username=leadscoring;Password=%s' "$(cat "$root/postgres/sidecar")" | put "$root/sidecar/settings/LEADSCORING__DATABASE"
printf 'redis:6379,password=%s' "$(cat "$root/redis/password")" | put "$root/sidecar/settings/LEADSCORING__REDIS"
cat "$root/prometheus/metrics-token" | put "$root/sidecar/settings/LEADSCORING__TELEMETRY__METRICSTOKEN"
cat "$root/postgres/n8n" | put "$root/n8n/database-password"
cat "$root/redis/password" | put "$root/n8n/redis-password"
# Evicts only what expires by itself, the scores: n8n's queue lives here, too.
printf 'requirepass %s\nappendonly yes\nmaxmemory 256mb\nmaxmemory-policy volatile-ttl\ndir /data\n' "$(cat "$root/redis/password")" | put "$root/redis/redis.conf"

chmod 755 "$root"
chown -R 999:999 "$root/postgres" "$root/redis"
chown -R 10001:10001 "$root/sidecar"
chown -R 1000:1000 "$root/n8n"
chown -R 65534:65534 "$root/prometheus"
chown -R 472:0 "$root/grafana"
