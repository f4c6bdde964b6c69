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

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
