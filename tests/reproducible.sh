#!/usr/bin/env bash
# Publishes the sidecar twice, from two folders, as the image does, and compares the product's own assemblies: they must be equal byte by byte.
# The folders' names are of one length: Razor numbers tag helpers by their place in the code that it writes, and that code names its source's whole path. The sidecar's assembly differs all the same, why is not known yet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for copy in one two; do
  mkdir -p "$work/$copy"
  git ls-files -z -- global.json '*.props' BannedSymbols.txt .editorconfig sidecar connectors/LeadScoring.Connectors | tar --null -T - -cf - | tar -xf - -C "$work/$copy"
  # What npm brings is compared by its lock file.
  mkdir -p "$work/$copy/sidecar/LeadScoring.Sidecar/wwwroot/lib" && touch "$work/$copy/sidecar/LeadScoring.Sidecar/wwwroot/lib/.restored"
  (cd "$work/$copy" && dotnet publish sidecar/LeadScoring.Sidecar -c Release -o "$work/$copy/out" --nologo -v quiet -p:ContinuousIntegrationBuild=true -p:RunAnalyzers=false)
done
count=0
for file in "$work"/one/out/LeadScoring.*.dll; do
  cmp "$file" "$work/two/out/$(basename "$file")"
  count=$((count + 1))
done
[ $count -ge 3 ] || { echo "only $count assemblies compared" >&2; exit 1; }
echo "$count assemblies are equal: $(cat "$work"/one/out/LeadScoring.*.dll | sha256sum | cut -c1-16)"
