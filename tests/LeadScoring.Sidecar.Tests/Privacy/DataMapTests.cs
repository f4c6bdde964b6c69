using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>The data map of privacy.md knows every table there is, and none that there is not.</summary>
public sealed partial class DataMapTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [GeneratedRegex(@"^\| ((?:`\w+`(?:, )?)+) \|", RegexOptions.Multiline)]
    private static partial Regex Row { get; }

    [Fact]
    public async Task Map_AgainstTheSchema_IsWhole()
    {
        var text = await File.ReadAllTextAsync(Path.Combine(SourceFolder(), "../../../sidecar/docs/privacy.md"));
        var map = text[text.IndexOf("## Data map", StringComparison.Ordinal)..text.IndexOf("## Retention", StringComparison.Ordinal)];
        var mapped = Row.Matches(map).SelectMany(m => m.Groups[1].Value.Split(", ")).Select(t => t.Trim('`')).ToArray();
        Assert.Equal(mapped.Length, mapped.Distinct().Count());
        Assert.Equal((await Canary.TablesAsync(sidecar.Get<Database>())).Order(StringComparer.Ordinal), mapped.Order(StringComparer.Ordinal));
    }

    /// <summary>What the settings take by age stands in the section on retention, and is marked in the map.</summary>
    [Fact]
    public async Task Retention_TablesByName_AreInTheSectionAndMarkedInTheMap()
    {
        var text = await File.ReadAllTextAsync(Path.Combine(SourceFolder(), "../../../sidecar/docs/privacy.md"));
        var (map, retention) = (text.IndexOf("## Data map", StringComparison.Ordinal), text.IndexOf("## Retention", StringComparison.Ordinal));
        var marked = text[map..retention].Split('\n').Where(l => Row.IsMatch(l) && MarkedByAge.IsMatch(l)).Select(l => Row.Match(l).Groups[1].Value.Trim('`')).ToArray();
        var named = ByAge.Matches(text[retention..]).Select(m => m.Groups[1].Value).ToArray();
        string[] expected = [.. Sidecar.Privacy.AgedTable.All.Select(t => t.Name).Concat(["events", "scores"]).Order(StringComparer.Ordinal)];
        Assert.Equal(expected, marked.Order(StringComparer.Ordinal));
        Assert.Equal(expected, named.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"\| (?:L|for ever), R\b")]
    private static partial Regex MarkedByAge { get; }

    [GeneratedRegex(@"^\|(?: `LEADSCORING__\w+`)? \| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex ByAge { get; }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
