using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Supply;

/// <summary>What is shipped is listed, with hashes and licences, and every licence is one that a company can live with.</summary>
public sealed partial class SupplyChainTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(SourceFolder(), "../../.."));

    private static readonly string[] Allowed = ["MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "0BSD", "ISC", "PostgreSQL", "MS-PL", "blessing", "LicenseRef-Microsoft-NET-Library"];

    [GeneratedRegex(@"[A-Za-z0-9][\w.-]*")]
    private static partial Regex Word { get; }

    [Theory]
    [InlineData("sidecar/docs/sbom.cdx.json")]
    [InlineData("sidecar/docs/licences.md")]
    public void Lists_AgainstTheLockFiles_AreUpToDate(string file)
    {
        var packages = BillOfMaterials.Read(Root);
        var made = file.EndsWith(".json", StringComparison.Ordinal) ? BillOfMaterials.CycloneDx(packages, typeof(SidecarApp).Assembly.GetName().Version!.ToString(3)) : BillOfMaterials.Licences(packages);
        var path = Path.Combine(Root, file);
        if (Environment.GetEnvironmentVariable("UPDATE_SBOM") == "1") File.WriteAllText(path, made);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == made, $"{file} is not what the lock files say. Run the tests once with UPDATE_SBOM=1.");
    }

    /// <summary>Counted another way than the list is made: by the files beside the program.</summary>
    [Fact]
    public void Sbom_EveryAssemblyBesideTheProgram_IsOfAListedPackage()
    {
        var listed = JsonElement.Parse(File.ReadAllText(Path.Combine(Root, "sidecar/docs/sbom.cdx.json"))).GetProperty("components").EnumerateArray().Select(c => c.Text("name")!).ToArray();
        var manifest = JsonElement.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "LeadScoring.Sidecar.deps.json")));
        var shipped = manifest.GetProperty("libraries").EnumerateObject().Where(l => l.Value.Text("type") == "package").Select(l => l.Name.Split('/')[0]).ToArray();
        Assert.True(shipped.Length > 10, string.Join(", ", shipped));
        Assert.Empty(shipped.Except(listed, StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void Licences_AllOfThem_AreAllowed() => Assert.DoesNotContain(BillOfMaterials.Read(Root), p => !IsAllowed(p.Licence));

    [Theory]
    [InlineData("GPL-3.0-only", false)]
    [InlineData("MIT OR GPL-3.0-only", true)]
    [InlineData("MIT AND AGPL-3.0-only", false)]
    [InlineData("NONE", false)]
    public void IsAllowed_Expression_NeedsAllOfAndOneOfOr(string licence, bool expected) => Assert.Equal(expected, IsAllowed(licence));

    private static bool IsAllowed(string expression) =>
        expression.Trim('(', ')').Split(" OR ").Any(choice => choice.Split(" AND ").All(l => Allowed.Contains(Word.Match(l).Value)));

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
