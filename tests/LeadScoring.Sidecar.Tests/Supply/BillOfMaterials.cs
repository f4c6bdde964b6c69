using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Supply;

/// <summary>A package that is shipped.</summary>
/// <param name="Kind">nuget or npm.</param>
/// <param name="Sha512">In hex, as the lock file has it.</param>
/// <param name="Licence">SPDX expression.</param>
internal sealed record ShippedPackage(string Kind, string Name, string Version, string Sha512, string Licence)
{
    internal string Purl => $"pkg:{Kind}/{Name}@{Version}";
}

/// <summary>What is shipped, from the lock files; its licences from the packages themselves. The same input gives the same text.</summary>
internal static partial class BillOfMaterials
{
    internal const string NuGetLock = "sidecar/LeadScoring.Sidecar/packages.lock.json";
    internal const string NpmLock = "sidecar/LeadScoring.Sidecar/Dashboard/package-lock.json";

    /// <summary>What packages say in another way than by an SPDX expression, read by a person.</summary>
    private static readonly Dictionary<string, string> ByHand = new(StringComparer.Ordinal)
    {
        ["Microsoft.NETCore.Platforms"] = "LicenseRef-Microsoft-NET-Library", ["NETStandard.Library"] = "LicenseRef-Microsoft-NET-Library", ["StackExchange.Redis"] = "MIT",
        // SQLite is in the public domain; this is how SPDX calls its dedication.
        ["SourceGear.sqlite3"] = "blessing",
    };

    [GeneratedRegex(@"<license type=""expression"">([^<]+)</license>")]
    private static partial Regex Expression { get; }

    internal static IReadOnlyList<ShippedPackage> Read(string root) => [.. NuGet(root).Concat(Npm(root)).OrderBy(p => p.Purl, StringComparer.Ordinal)];

    private static IEnumerable<ShippedPackage> NuGet(string root)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var framework in JsonNode.Parse(File.ReadAllText(Path.Combine(root, NuGetLock)))!["dependencies"]!.AsObject())
        {
            foreach (var (name, package) in framework.Value!.AsObject())
            {
                // Analyzers read the code and are not shipped.
                if ((string?)package!["type"] == "Project" || name == "Microsoft.CodeAnalysis.BannedApiAnalyzers" || !seen.Add(name)) continue;
                var version = (string)package["resolved"]!;
                yield return new ShippedPackage("nuget", name, version, Hex((string)package["contentHash"]!), ByHand.GetValueOrDefault(name) ?? LicenceOf(name, version));
            }
        }
    }

    private static IEnumerable<ShippedPackage> Npm(string root) =>
        from package in JsonNode.Parse(File.ReadAllText(Path.Combine(root, NpmLock)))!["packages"]!.AsObject()
        where package.Key.StartsWith("node_modules/", StringComparison.Ordinal)
        select new ShippedPackage("npm", package.Key["node_modules/".Length..], (string)package.Value!["version"]!, Hex(((string)package.Value["integrity"]!)["sha512-".Length..]), (string?)package.Value["license"] ?? "NONE");

    private static string LicenceOf(string name, string version)
    {
        var folder = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var (id, number) = (name.ToLowerInvariant(), version.ToLowerInvariant());
        var match = Expression.Match(File.ReadAllText(Path.Combine(folder, id, number, id + ".nuspec")));
        return match.Success ? match.Groups[1].Value : "NONE";
    }

    private static string Hex(string base64) => Convert.ToHexStringLower(Convert.FromBase64String(base64));

    /// <summary>CycloneDX 1.6.</summary>
    internal static string CycloneDx(IReadOnlyList<ShippedPackage> packages, string version)
    {
        var components = new JsonArray([.. packages.Select(p => (JsonNode)new JsonObject
        {
            ["type"] = "library", ["bom-ref"] = p.Purl, ["name"] = p.Name, ["version"] = p.Version, ["purl"] = p.Purl,
            ["hashes"] = new JsonArray(new JsonObject { ["alg"] = "SHA-512", ["content"] = p.Sha512 }), ["licenses"] = new JsonArray(new JsonObject { ["expression"] = p.Licence }),
        })]);
        var bom = new JsonObject
        {
            ["bomFormat"] = "CycloneDX", ["specVersion"] = "1.6", ["version"] = 1,
            ["metadata"] = new JsonObject { ["component"] = new JsonObject { ["type"] = "application", ["bom-ref"] = "lead-scoring-sidecar", ["name"] = "lead-scoring-sidecar", ["version"] = version } },
            ["components"] = components,
        };
        return bom.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
    }

    internal static string Licences(IReadOnlyList<ShippedPackage> packages)
    {
        var text = new StringBuilder("""
            # Licences

            What is shipped with the sidecar, made from the lock files by `UPDATE_SBOM=1 dotnet test tests/LeadScoring.Sidecar.Tests --filter SupplyChain`; with hashes in [`sbom.cdx.json`](sbom.cdx.json). The product itself is under the MIT licence. The n8n node ships no package.
            The image adds the .NET runtime (MIT) and Debian's `libxgboost0` (Apache-2.0), `libssl3`, `ca-certificates` and `tzdata`, whose licences lie in `/usr/share/doc` of the image.

            | package | version | licence |
            |---|---|---|

            """);
        foreach (var p in packages) text.Append(CultureInfo.InvariantCulture, $"| {p.Name} ({p.Kind}) | {p.Version} | {p.Licence} |\n");
        return text.ToString();
    }
}
