using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Dashboard;

/// <summary>Numbers of a page as they stand in its HTML: figures, tables behind charts, other tables.</summary>
internal sealed class PageFigures(string html)
{
    internal string Html => html;

    /// <summary>Every value under a name, in the order of the page.</summary>
    internal double[] All(string figure) => [.. Regex.Matches(html, $"data-figure=\"{Regex.Escape(figure)}\" data-value=\"([^\"]*)\"").Select(m => Number(m.Groups[1].Value)!.Value)];

    internal double One(string figure) => Assert.Single(All(figure));

    /// <summary>The table behind a chart: label to one value a series, null where there is none.</summary>
    internal Dictionary<string, double?[]> Chart(string title) => Rows(Part("figure", $"<figcaption>{Regex.Escape(title)} "));

    /// <summary>A table by its id: what its row is about to its values.</summary>
    internal Dictionary<string, double?[]> Table(string id) => Rows(Part("table", $"^<table[^>]*id=\"{id}\""));

    private string Part(string element, string holds)
    {
        var parts = Regex.Matches(html, $"<{element}[ >].*?</{element}>", RegexOptions.Singleline).Select(m => m.Value).Where(p => Regex.IsMatch(p, holds)).ToArray();
        Assert.True(parts.Length == 1, $"{parts.Length} {element}s hold {holds}.");
        return parts[0];
    }

    private static Dictionary<string, double?[]> Rows(string part) =>
        Regex.Matches(part[part.IndexOf("<tbody>", StringComparison.Ordinal)..], "<tr[^>]*>(.*?)</tr>", RegexOptions.Singleline).ToDictionary(
            // Of a chart over numbers the number itself; what is shown is rounded.
            row => Regex.Match(row.Value, "<th[^>]*data-value=\"([^\"]*)\"") is { Success: true } x ? x.Groups[1].Value : WebUtility.HtmlDecode(Regex.Replace(Regex.Match(row.Value, "<th[^>]*>(.*?)</th>", RegexOptions.Singleline).Groups[1].Value, "<[^>]+>", "")).Trim(),
            row => Regex.Matches(row.Value, "<td[^>]*data-value=\"([^\"]*)\"").Select(m => Number(m.Groups[1].Value)).ToArray());

    private static double? Number(string text) => text.Length == 0 ? null : double.Parse(text, CultureInfo.InvariantCulture);
}
