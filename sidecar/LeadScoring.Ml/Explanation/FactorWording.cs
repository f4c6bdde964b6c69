using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Explanation;

/// <summary>How leads of the same kind convert.</summary>
/// <param name="Converts">Share of them that converts, 0 to 1.</param>
/// <param name="AllConvert">Share of all leads, 0 to 1.</param>
/// <param name="Rows">How many of them there were in training.</param>
public sealed record BaseRate(double Converts, double AllConvert, int Rows);

/// <summary>A factor in words.</summary>
/// <param name="Text">For people, as in "3 showing requests; leads with 3 or more convert at 41 %, all leads at 12 %, n = 2,310".</param>
/// <param name="BaseRate">The figures in it; null when there are none.</param>
public sealed record FactorStatement(string Text, BaseRate? BaseRate);

/// <summary>Says what a lead's value is and how leads like it convert.</summary>
/// <remarks>
/// The rate is counted on the training rows over one feature alone; a factor's points weigh it against all others, so the two can disagree. Of the
/// statements that are true of a number (this or more, this or fewer, this range), the first that agrees with the sign of the points is told.
/// </remarks>
public static class FactorWording
{
    /// <param name="feature">The feature.</param>
    /// <param name="value">The lead's value.</param>
    /// <param name="points">What it did to the score.</param>
    /// <param name="rates">Counts of all features; null when there is no model.</param>
    /// <param name="index">Position of the feature in the counts.</param>
    public static FactorStatement Of(FeatureDefinition feature, FeatureValue value, double points, BaseRates? rates = null, int index = -1)
    {
        var text = ValueText(feature, value);
        if (rates is null || Comparison(feature, value, points, rates, rates.Features[index]) is not { } like) return new FactorStatement(text, null);
        var (who, leads) = like;
        var rate = new BaseRate(rates.Rate(leads), rates.AllRate, leads.Rows);
        return new FactorStatement(
            string.Create(CultureInfo.InvariantCulture, $"{text}; {who} convert at {Percent(rate.Converts)}, all leads at {Percent(rate.AllConvert)}, n = {rate.Rows:N0}"), rate);
    }

    /// <summary>The value as people say it: "3 showing requests", "Last activity 12 days ago", "E-mail open rate 40 %", "Income bracket is unknown".</summary>
    public static string ValueText(FeatureDefinition feature, FeatureValue value)
    {
        if (value.IsMissing) return $"{feature.Label} is unknown";
        if (feature.Phrase.Length > 0)
            return feature.Phrase.Replace("{value}", Plain(feature, value), StringComparison.Ordinal).Replace("{s}", value.Number == 1 ? "" : "s", StringComparison.Ordinal);
        if (feature.Kind == FeatureKind.Boolean) return $"{feature.Label}: {(value.Number == 0 ? "no" : "yes")}";
        if (feature.Kind == FeatureKind.Categorical) return $"{feature.Label}: {value.Level}";
        if (IsShare(feature)) return $"{feature.Label} {Percent(value.Number)}";
        if (feature.Unit.Length == 0) return $"{feature.Label}: {Number(value.Number)}";
        if (feature.Unit.EndsWith(" ago", StringComparison.Ordinal)) return $"{feature.Label} {Number(value.Number)} {Counted(feature.Unit, value.Number)}";
        // "Showing requests" counted in "requests": the label itself is what there are 3 of.
        return feature.Label.EndsWith(feature.Unit, StringComparison.OrdinalIgnoreCase)
            ? $"{Number(value.Number)} {Counted(Uncapitalized(feature.Label), value.Number)}"
            : $"{feature.Label}: {Number(value.Number)} {Counted(feature.Unit, value.Number)}";
    }

    /// <summary>A number or level without its label: "40 %", "3", "35-44".</summary>
    public static string Plain(FeatureDefinition feature, FeatureValue value) =>
        value.IsMissing ? "unknown"
        : feature.Kind == FeatureKind.Boolean ? (value.Number == 0 ? "no" : "yes")
        : value.Level ?? (IsShare(feature) ? Percent(value.Number) : Number(value.Number));

    private static (string Who, Tally Leads)? Comparison(FeatureDefinition feature, FeatureValue value, double points, BaseRates rates, FeatureRates own)
    {
        if (value.IsMissing) return own.Missing.Rows >= rates.Least ? ("such leads", own.Missing) : null;
        if (own.Levels is { } levels) return levels.TryGetValue(BaseRates.LevelOf(value), out var leads) ? ("such leads", leads) : null;
        if (own.Bins is not { Length: > 1 } bins) return null;
        var at = 0;
        while (at + 1 < bins.Length && bins[at + 1].From <= value.Number) at++;
        var (more, fewer) = (Sum(bins.AsSpan(at)), Sum(bins.AsSpan(0, at + 1)));
        string Say(double number) => Plain(feature, new FeatureValue(number, null));
        // Outside what was seen the nearest bin stands, which "or more" and "or fewer" describe and a range would not.
        List<(string Who, Tally Leads)> statements = [];
        if (at > 0 && value.Number >= bins[at].From) statements.Add(($"leads with {Say(bins[at].From)} or more", more));
        if (at < bins.Length - 1 && value.Number <= bins[at].To)
            statements.Add((at == 0 && bins[0].From == bins[0].To ? $"leads with {Say(bins[0].To)}" : $"leads with {Say(bins[at].To)} or {(IsCount(bins) ? "fewer" : "less")}", fewer));
        // In the lower half of what leads have, how few it is says more than how many.
        if (at < bins.Length / 2) statements.Reverse();
        if (value.Number >= bins[at].From && value.Number <= bins[at].To)
            statements.Add((bins[at].From == bins[at].To ? $"leads with {Say(bins[at].From)}" : $"leads with {Say(bins[at].From)} to {Say(bins[at].To)}", bins[at].Leads));
        if (statements.Count == 0) return null;
        var agreeing = statements.FindIndex(s => Math.Sign(rates.Rate(s.Leads) - rates.AllRate) == Math.Sign(points));
        return statements[Math.Max(0, agreeing)];
    }

    private static Tally Sum(ReadOnlySpan<NumberBin> bins)
    {
        var sum = default(Tally);
        foreach (var bin in bins) sum += bin.Leads;
        return sum;
    }

    private static bool IsCount(NumberBin[] bins) => Array.TrueForAll(bins, b => b.From == Math.Floor(b.From) && b.To == Math.Floor(b.To));

    private static bool IsShare(FeatureDefinition feature) => feature.Unit == "share";

    /// <summary>The last word (before " ago") in the singular for 1: "requests" to "request", "searches" to "search", "days ago" to "day ago".</summary>
    private static string Counted(string plural, double count)
    {
        if (count != 1) return plural;
        var end = plural.EndsWith(" ago", StringComparison.Ordinal) ? " ago" : "";
        var word = plural[..^end.Length];
        if (word == "people") return "person" + end;
        if (!word.EndsWith('s') || word.EndsWith("ss", StringComparison.Ordinal)) return plural;
        return (word.EndsWith("ies", StringComparison.Ordinal) ? word[..^3] + "y"
            : word.EndsWith("ches", StringComparison.Ordinal) || word.EndsWith("shes", StringComparison.Ordinal) || word.EndsWith("xes", StringComparison.Ordinal) ? word[..^2]
            : word[..^1]) + end;
    }

    private static string Uncapitalized(string label) =>
        label.Length > 1 && char.IsUpper(label[0]) && char.IsLower(label[1]) ? char.ToLowerInvariant(label[0]) + label[1..] : label;

    private static string Number(double number) => Math.Abs(number) switch
    {
        >= 1e15 => number.ToString("0.#e+0", CultureInfo.InvariantCulture),
        >= 100 => number.ToString("#,0", CultureInfo.InvariantCulture),
        >= 1 or 0 => number.ToString("0.#", CultureInfo.InvariantCulture),
        _ => number.ToString("0.##", CultureInfo.InvariantCulture),
    };

    private static string Percent(double share)
    {
        var percent = 100 * share;
        // 0 % and 100 % are told only where they are exact.
        var text = percent is > 0 and < 1 or > 99 and < 100 ? Math.Clamp(percent, 0.1, 99.9).ToString("0.0", CultureInfo.InvariantCulture) : percent.ToString("0", CultureInfo.InvariantCulture);
        return text + " %";
    }
}
