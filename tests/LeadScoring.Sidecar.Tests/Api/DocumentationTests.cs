using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>What the documents point at is there: pictures, links and their headings, files, settings.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(SourceFolder(), "../../.."));
    private static readonly string Docs = Path.Combine(Root, "sidecar", "docs");

    /// <summary>Folders that a file named in backticks may be relative to.</summary>
    private static readonly string[] Bases = ["", "sidecar", "sidecar/LeadScoring.Ml", "sidecar/LeadScoring.Sidecar", "tests"];

    public static TheoryData<string> Files => [.. Directory.GetFiles(Docs, "*.md", SearchOption.AllDirectories).Append(Path.Combine(Root, "README.md")).Select(f => Path.GetRelativePath(Root, f)).Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"\]\(((?!https?:|mailto:)[^)\s]+)\)")]
    private static partial Regex Link { get; }

    [GeneratedRegex(@"`([^`\s]+)`")]
    private static partial Regex Code { get; }

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading { get; }

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block { get; }

    [GeneratedRegex(@"^[\w.-]+(/[\w.*-]+)+\.(cs|md|yml|json|svg|sh)$")]
    private static partial Regex FilePath { get; }

    [GeneratedRegex(@"^(sidecar|tests|workflows|connectors)/[\w./-]*$")]
    private static partial Regex FolderPath { get; }

    [GeneratedRegex(@"^LEADSCORING__\w+$")]
    private static partial Regex Setting { get; }

    [Theory]
    [MemberData(nameof(Files))]
    public void LinksAndPictures_AllRelative_LeadSomewhere(string file) => Assert.Empty(DeadLinks(Path.Combine(Root, file), Prose(file)));

    [Theory]
    [MemberData(nameof(Files))]
    public void NamesInBackticks_FilesAndSettings_Exist(string file) => Assert.Empty(UnknownNames(Prose(file)));

    [Fact]
    public void Plots_AllFiles_AreShown()
    {
        var shown = File.ReadAllText(Path.Combine(Docs, "methodology.md"));
        var plots = Directory.GetFiles(Path.Combine(Docs, "plots"), "*.svg").Select(Path.GetFileName).ToArray();
        Assert.NotEmpty(plots);
        Assert.All(plots, plot => Assert.Contains($"](plots/{plot})", shown, StringComparison.Ordinal));
    }

    [Fact]
    public void Checks_PlantedOffenders_AreFound()
    {
        var file = Path.Combine(Docs, "performance.md");
        Assert.Equal(["plots/none.svg", "methodology.md#nowhere", "#nowhere"], DeadLinks(file, "![x](plots/none.svg) [y](methodology.md#nowhere) [z](#nowhere) [ok](methodology.md#21-known-limits) [ok](decisions) [ok](https://example.com/none.svg)"));
        Assert.Equal(["Training/Nothing.cs", "sidecar/none", "LEADSCORING__NONE"], UnknownNames("`Training/Nothing.cs` `sidecar/none` `LEADSCORING__NONE` `Training/ColdStart.cs` `sidecar/docs` `sidecar/profiles/*.yml` `LEADSCORING__DATA` `sets/NAME.csv`"));
    }

    private static List<string> DeadLinks(string file, string text) =>
    [
        .. Link.Matches(text).Select(m => m.Groups[1].Value).Where(link =>
        {
            var parts = link.Split('#', 2);
            var target = parts[0].Length == 0 ? file : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, parts[0]));
            if (!Path.Exists(target)) return true;
            return parts.Length == 2 && target.EndsWith(".md", StringComparison.Ordinal) && !Anchors(target).Contains(parts[1]);
        }),
    ];

    private static List<string> UnknownNames(string text)
    {
        var settings = ReadmeTests.Options().Select(o => o.Key).Concat(ReadmeTests.EarlySettings).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. Code.Matches(text).Select(m => m.Groups[1].Value).Where(name =>
                Setting.IsMatch(name) ? !settings.Contains(name)
                // sets/NAME.csv and migrations/0001-....md stand for many files.
                : (FilePath.IsMatch(name) && !name.Contains("NAME", StringComparison.Ordinal) && !name.Contains("..", StringComparison.Ordinal) || FolderPath.IsMatch(name)) && !Bases.Any(b => Exists(Path.Combine(Root, b, name)))),
        ];
    }

    private static bool Exists(string path) =>
        path.Contains('*', StringComparison.Ordinal) ? Directory.Exists(Path.GetDirectoryName(path)) && Directory.GetFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path)).Length > 0 : Path.Exists(path);

    /// <summary>Names that GitHub gives to headings: lower case, without punctuation, hyphens for spaces.</summary>
    private static HashSet<string> Anchors(string file) =>
    [
        .. Heading.Matches(Block.Replace(File.ReadAllText(file), "")).Select(m => string.Concat(m.Groups[1].Value.Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_').Select(c => c == ' ' ? '-' : c))),
    ];

    private static string Prose(string file) => Block.Replace(File.ReadAllText(Path.Combine(Root, file)), "");

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
