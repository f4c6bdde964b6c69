using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>What the README says of settings and files is so.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(SourceFolder(), "../../.."));
    private static readonly string Readme = File.ReadAllText(Path.Combine(Root, "README.md"));

    [GeneratedRegex(@"^\| `(LEADSCORING__\w+)` \| (?:`([^`]*)`)? ?\|", RegexOptions.Multiline)]
    private static partial Regex SettingRow { get; }

    [GeneratedRegex(@"\]\(((?!https?:|#)[^)\s]+)\)")]
    private static partial Regex Link { get; }

    internal static string[] EarlySettings => ["LEADSCORING__URL", "LEADSCORING__SECRETS"];

    [Fact]
    public void Settings_TableAndOptionsClasses_AreTheSame()
    {
        var documented = SettingRow.Matches(Readme).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        // Not options of any class: read before there are any.
        Assert.Equal("http://127.0.0.1:5080", documented["LEADSCORING__URL"]);
        Assert.Equal("", documented["LEADSCORING__SECRETS"]);
        foreach (var early in EarlySettings) documented.Remove(early);
        Assert.Equal(Options().OrderBy(o => o.Key, StringComparer.Ordinal), documented.OrderBy(o => o.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void Links_AllRelative_LeadToFiles() => Assert.All(Link.Matches(Readme).Select(m => m.Groups[1].Value.Split('#')[0]), path => Assert.True(Path.Exists(Path.Combine(Root, path)), path));

    /// <summary>Variable name and default of every setting of every options class.</summary>
    internal static IEnumerable<KeyValuePair<string, string>> Options() =>
        from type in typeof(SidecarApp).Assembly.GetTypes()
        let section = type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) as string
        where section is not null && type.Name.EndsWith("Options", StringComparison.Ordinal)
        let defaults = Activator.CreateInstance(type)
        from property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        where property.CanWrite
        select KeyValuePair.Create($"{section}:{property.Name}".Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant(), Text(property.GetValue(defaults)));

    private static string Text(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
