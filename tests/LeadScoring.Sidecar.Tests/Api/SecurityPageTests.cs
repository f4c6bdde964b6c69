using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>The tests that a page rests its promises on are there.</summary>
public sealed partial class SecurityPageTests
{
    private static readonly string Tests = Path.GetFullPath(Path.Combine(SourceFolder(), "../.."));

    [GeneratedRegex(@"`(\w+Tests)`")]
    private static partial Regex Named { get; }

    [Theory]
    [InlineData("privacy.md")]
    [InlineData("security.md")]
    public void Tests_NamedByThePage_Exist(string page)
    {
        var known = Directory.EnumerateFiles(Tests, "*Tests.cs", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension).ToHashSet(StringComparer.Ordinal);
        var named = Named.Matches(File.ReadAllText(Path.Combine(Tests, "../sidecar/docs", page))).Select(m => m.Groups[1].Value).Distinct().ToArray();
        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, n => !known.Contains(n));
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
