using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LeadScoring.Ml.Features;

/// <summary>Where in the text what a fault is about stands. Faults name it by key, by place in a list or by its own name.</summary>
internal static partial class ProfilePositions
{
    /// <summary>The faults, each with the line and column, both from 1, of the entry that it names; one that names none stays as it is.</summary>
    internal static IEnumerable<string> Of(string yaml, IEnumerable<string> faults)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        var root = stream.Documents[0].RootNode as YamlMappingNode;
        return faults.Select(fault => root is not null && Find(root, fault) is { Line: > 0 } at ? string.Create(CultureInfo.InvariantCulture, $"{fault} (line {at.Line}, column {at.Column})") : fault);
    }

    private static Mark? Find(YamlMappingNode root, string fault)
    {
        if (Named.Match(fault) is { Success: true } named)
            return List(root, named.Groups[1].Value + "s").FirstOrDefault(n => n is YamlMappingNode m && (Text(m, "name") ?? Text(m, "id")) == named.Groups[2].Value)?.Start;
        if (Placed.Match(fault) is { Success: true } placed)
        {
            var entry = At(List(root, placed.Groups[1].Value), placed.Groups[2].Value);
            return (placed.Groups[3].Success && entry is YamlMappingNode m ? At(List(m, "when"), placed.Groups[3].Value) : null)?.Start ?? entry?.Start;
        }

        return Key.Match(fault) is { Success: true } key ? root.Children.Keys.FirstOrDefault(k => k is YamlScalarNode s && s.Value == key.Value)?.Start : null;
    }

    private static IEnumerable<YamlNode> List(YamlMappingNode node, string key) => node.Children.TryGetValue(new YamlScalarNode(key), out var list) && list is YamlSequenceNode sequence ? sequence.Children : [];

    private static YamlNode? At(IEnumerable<YamlNode> list, string place) => list.ElementAtOrDefault(int.Parse(place, CultureInfo.InvariantCulture));

    private static string? Text(YamlMappingNode node, string key) => node.Children.TryGetValue(new YamlScalarNode(key), out var value) && value is YamlScalarNode scalar ? scalar.Value : null;

    [GeneratedRegex(@"^(feature|action|exclusion) '([^']*)'", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Named { get; }

    [GeneratedRegex(@"^(features|rules|actions|exclusions)\[(\d{1,6})\](?:\.when\[(\d{1,6})\])?", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Placed { get; }

    [GeneratedRegex("^[a-z_]+", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Key { get; }
}
