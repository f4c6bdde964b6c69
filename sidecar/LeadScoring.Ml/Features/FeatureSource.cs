namespace LeadScoring.Ml.Features;

/// <summary>
/// Where a feature's value comes from, written <c>attribute:NAME</c>, <c>attribute:NAME | TRANSFORM</c> or
/// <c>activity:MEASURE</c> / <c>activity:MEASURE(event types)</c>.
/// </summary>
/// <remarks>
/// Transforms: value (as it is, under exactly the name before the bar), count (length of a list, else the number), days_since, years_since, hour, weekday, month (of a date, UTC), slope (of a list).
/// Measures: count(types), rate(type / type), days_since_last[(types)], days_since_first, visits, pages_per_visit, visits_per_week,
/// minutes_on_site, weekend_share, evening_share, weekly_slope.
/// </remarks>
public sealed class FeatureSource
{
    private static readonly string[] Transforms = ["", "value", "count", "days_since", "years_since", "hour", "weekday", "month", "slope"];

    /// <summary>In the order of <see cref="ActivityMeasure"/>.</summary>
    private static readonly string[] Measures =
    [
        "count", "rate", "days_since_last", "days_since_first", "visits", "pages_per_visit", "visits_per_week", "minutes_on_site",
        "weekend_share", "evening_share", "weekly_slope",
    ];

    private FeatureSource(string text, bool isActivity, string name, string transform, string[] types)
    {
        Text = text;
        IsActivity = isActivity;
        Name = name;
        Transform = transform;
        Types = types;
        IsTotal = isActivity && name is "count" or "visits" or "visits_per_week" or "minutes_on_site";
        Measure = isActivity ? (ActivityMeasure)Array.IndexOf(Measures, name) : default;
    }

    /// <summary>The source as written.</summary>
    public string Text { get; }

    /// <summary>True for the fold of events, false for an attribute of the lead.</summary>
    public bool IsActivity { get; }

    /// <summary>Attribute name, or the measure.</summary>
    public string Name { get; }

    /// <summary>Counts or sums what was seen, so that 0 means "none seen", not "none".</summary>
    internal bool IsTotal { get; }

    /// <summary>Measures visits of the website.</summary>
    internal bool IsOfVisits => IsActivity && Name is "visits" or "pages_per_visit" or "visits_per_week" or "minutes_on_site";

    /// <summary>The measure of an activity source.</summary>
    internal ActivityMeasure Measure { get; }

    internal string Transform { get; }

    internal string[] Types { get; }

    /// <summary>An attribute as it is.</summary>
    public static FeatureSource Attribute(string name) => new($"attribute:{name}", false, name, "", []);

    /// <summary>Reads the written form.</summary>
    /// <exception cref="FormatException">Unknown prefix, measure or transform; the message lists what there is.</exception>
    public static FeatureSource Parse(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.StartsWith("attribute:", StringComparison.Ordinal)) return ParseAttribute(trimmed);
        if (trimmed.StartsWith("activity:", StringComparison.Ordinal)) return ParseActivity(trimmed);
        throw new FormatException($"source '{text}' must start with 'attribute:' or 'activity:'");
    }

    private static FeatureSource ParseAttribute(string text)
    {
        var body = text["attribute:".Length..];
        // Spaces around the bar are part of the grammar: column names of exports do contain bare bars.
        var bar = body.LastIndexOf(" | ", StringComparison.Ordinal);
        var name = bar < 0 ? body : body[..bar];
        var transform = bar < 0 ? "" : body[(bar + 3)..].Trim();
        // Names of columns may begin or end with spaces: "| value" takes the name to the letter, all else is written by people.
        if (transform == "value") transform = "";
        else name = name.Trim();
        if (name.Length == 0) throw new FormatException($"source '{text}' names no attribute");
        if (!Transforms.Contains(transform))
            throw new FormatException($"source '{text}': unknown transform '{transform}'; there are {string.Join(", ", Transforms.Skip(1))}");
        return new FeatureSource(text, false, name, transform, []);
    }

    private static FeatureSource ParseActivity(string text)
    {
        var body = text["activity:".Length..].Trim();
        var open = body.IndexOf('(');
        var name = (open < 0 ? body : body[..open]).Trim();
        if (open >= 0 && !body.EndsWith(')')) throw new FormatException($"source '{text}': missing ')'");
        var types = open < 0 ? [] : body[(open + 1)..^1].Split([',', '/'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (!Measures.Contains(name)) throw new FormatException($"source '{text}': unknown measure '{name}'; there are {string.Join(", ", Measures)}");
        if (name == "count" && types.Length == 0) throw new FormatException($"source '{text}': count needs event types, as in count(phone_call)");
        if (name == "rate" && types.Length != 2) throw new FormatException($"source '{text}': rate needs two event types, as in rate(email_opened / email_sent)");
        return new FeatureSource(text, true, name, "", types);
    }
}
