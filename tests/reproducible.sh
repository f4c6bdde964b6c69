#!/usr/bin/env bash
# Publishes the sidecar twice, as the image does: in a folder of one name (the image's is /source), at another time, in another time zone and with fewer processes, and compares the product's own assemblies: they must be equal byte by byte.
# The sidecar's is not yet: .NET's generator of log methods writes its classes in another order each time (decision 62).
# In a folder of another name it would differ besides: the code that Razor writes names its source's whole path, which the compiler maps in no place where a generator wrote it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
publish() { # publish OUT ARGUMENTS...
  local out=$1; shift
  rm -rf "$work/source"
  mkdir "$work/source"
  git ls-files -z -- global.json '*.props' BannedSymbols.txt .editorconfig sidecar connectors/LeadScoring.Connectors | tar --null -T - -cf - | tar -xf - -C "$work/source"
  # What npm brings is compared by its lock file.
  mkdir -p "$work/source/sidecar/LeadScoring.Sidecar/wwwroot/lib" && touch "$work/source/sidecar/LeadScoring.Sidecar/wwwroot/lib/.restored"
  (cd "$work/source" && "$@" dotnet publish sidecar/LeadScoring.Sidecar -c Release -o "$out" --nologo -v quiet --disable-build-servers -p:ContinuousIntegrationBuild=true -p:RunAnalyzers=false)
}
publish "$work/one" env
publish "$work/two" env TZ=Pacific/Auckland MSBUILDNODECOUNT=1
count=0
for file in "$work"/one/LeadScoring.*.dll; do
  cmp "$file" "$work/two/$(basename "$file")"
  count=$((count + 1))
done
[ $count -ge 3 ] || { echo "only $count assemblies compared" >&2; exit 1; }
echo "$count assemblies are equal: $(cat "$work"/one/LeadScoring.*.dll | sha256sum | cut -c1-16)"
