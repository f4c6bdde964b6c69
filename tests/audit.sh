#!/usr/bin/env bash
# Are there known vulnerabilities in packages that are locked here?
#   tests/audit.sh     0: looked, none; 1: found, listed above; 3: no vulnerability data to be had here, so nobody knows
# Silence is no proof: a source without data answers "none" to everything. So a package that is known to be vulnerable is asked about as well.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=0
blind=0

cat >"$work/known.csproj" <<'P'
<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>true</NuGetAudit></PropertyGroup>
<ItemGroup><PackageReference Include="Newtonsoft.Json" Version="12.0.1" /></ItemGroup></Project>
P
if ! (cd "$work" && timeout 120 dotnet restore --nologo 2>&1) | grep -q NU1903; then
  echo "NuGet: not checked. The package source has no vulnerability data (it does not know of GHSA-5crp-9r3c-p6j7)."
  blind=1
else
  out=$(timeout 300 dotnet restore LeadScoring.N8n.sln --locked-mode --force --nologo -v quiet -p:NuGetAudit=true -p:NuGetAuditMode=all -p:NuGetAuditLevel=low -p:TreatWarningsAsErrors=false 2>&1 | grep -E 'NU190[1-4]' | sort -u)
  if [ -n "$out" ]; then echo "$out"; found=1; else echo "NuGet: none known."; fi
fi

mkdir "$work/npm"
echo '{"name":"known","version":"1.0.0","lockfileVersion":3,"packages":{"":{"dependencies":{"lodash":"4.17.4"}},"node_modules/lodash":{"version":"4.17.4"}}}' >"$work/npm/package-lock.json"
echo '{"name":"known","version":"1.0.0","dependencies":{"lodash":"4.17.4"}}' >"$work/npm/package.json"
if ! (cd "$work/npm" && timeout 60 npm audit --package-lock-only 2>/dev/null) | grep -q GHSA-; then
  echo "npm: not checked. The registry answers no audit (it does not know of lodash 4.17.4)."
  blind=1
else
  for folder in sidecar/LeadScoring.Sidecar/Dashboard connectors/n8n-nodes-lead-scoring; do
    # What is built with and not shipped is not counted.
    if (cd "$folder" && timeout 60 npm audit --package-lock-only --omit=dev); then echo "npm, $folder: none known."; else found=1; fi
  done
fi
[ $found = 0 ] || exit 1
[ $blind = 0 ] || exit 3
