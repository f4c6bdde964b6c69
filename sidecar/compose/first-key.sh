#!/bin/sh
# Makes the organization and the API key that n8n uses, once, and leaves the key where n8n's set-up reads it.
#   first-key.sh ORGANIZATION FILE
set -eu
umask 077
[ -s "$2" ] && exit 0
key=$(dotnet /app/LeadScoring.Sidecar.dll keys create --organization "$1" --name n8n --scopes admin)
printf '%s' "$key" >"$2.new"
chown 1000:1000 "$2.new"
mv "$2.new" "$2"
echo "Organization $1 and the key of n8n are made."
