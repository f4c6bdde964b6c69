using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Telemetry;

/// <summary>Every alert has its section in operations.md, and links to it.</summary>
public sealed partial class RunbookTests
{
    private static readonly string Sidecar = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar"));

    [GeneratedRegex(@"- alert: (\w+)(.*?)(?=- alert:|\z)", RegexOptions.Singleline)]
    private static partial Regex Alert { get; }

    [GeneratedRegex(@"^### (LeadScoring\w+)$", RegexOptions.Multiline)]
    private static partial Regex Section { get; }

    [Fact]
    public void Alerts_AllRules_HaveTheirSectionAndLink()
    {
        var rules = Alert.Matches(File.ReadAllText(Path.Combine(Sidecar, "monitoring/rules.yml"))).Select(m => (Name: m.Groups[1].Value, Text: m.Groups[2].Value)).ToArray();
        var sections = Section.Matches(File.ReadAllText(Path.Combine(Sidecar, "docs/operations.md"))).Select(m => m.Groups[1].Value);
        Assert.True(rules.Length >= 14, $"{rules.Length} rules?");
        Assert.Equal(rules.Select(r => r.Name), sections);
        Assert.All(rules, rule => Assert.Contains($"sidecar/docs/operations.md#{rule.Name.ToLowerInvariant()}\"", rule.Text, StringComparison.Ordinal));
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
