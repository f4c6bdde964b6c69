#!/bin/sh
# Puts the lead-scoring node into n8n, and once its credentials and the workflow templates. Runs before n8n starts, with n8n's environment.
#   n8n-setup.sh        reads the secrets in /secrets/n8n
set -eu
umask 077
parts=/opt/lead-scoring
home=${N8N_USER_FOLDER:-$HOME}/.n8n

# The node comes with the image: every start brings the one that belongs to it.
mkdir -p "$home/nodes/node_modules"
rm -rf "$home/nodes/node_modules/n8n-nodes-lead-scoring"
cp -R "$parts/n8n-nodes-lead-scoring" "$home/nodes/node_modules/"

# Credentials and workflows belong to their owner once they are there: never written over.
[ -e "$home/.lead-scoring-set-up" ] && exit 0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/credentials" "$scratch/workflows"
SIDECAR_URL=${SIDECAR_URL:-http://sidecar:5080}
# Between containers the sidecar has a name.
for workflow in "$parts"/workflows/*.json; do sed "s#http://127.0.0.1:5080#$SIDECAR_URL#g" "$workflow" >"$scratch/workflows/$(basename "$workflow")"; done
export SIDECAR_URL
TARGET=$scratch/credentials node <<'JS'
const { readFileSync, writeFileSync } = require('node:fs');
const secret = (name) => readFileSync(`/secrets/n8n/${name}`, 'utf8').trim();
const url = process.env.SIDECAR_URL;
const credentials = [
  { id: 'leadScoringCred1', name: 'Lead Scoring API', type: 'leadScoringApi', data: { url, apiKey: secret('api-key'), organizationId: '', n8nUrl: 'http://n8n:5678' } },
  { id: 'leadScoringApi01', name: 'Lead scoring API key', type: 'httpHeaderAuth', data: { name: 'X-API-Key', value: secret('api-key') } },
  { id: 'leadIntakeHeader', name: 'Lead intake webhook', type: 'httpHeaderAuth', data: { name: 'X-Intake-Key', value: secret('intake-key') } },
  { id: 'leadFormsLogin01', name: 'Lead scoring forms', type: 'httpBasicAuth', data: { user: 'sales', password: secret('forms-password') } },
];
for (const credential of credentials) writeFileSync(`${process.env.TARGET}/${credential.id}.json`, JSON.stringify(credential));
JS
n8n import:credentials --separate --input="$scratch/credentials"
n8n import:workflow --separate --input="$scratch/workflows"
: >"$home/.lead-scoring-set-up"
