using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Ml.Features;

/// <summary>One rule of the fallback: points when a condition holds.</summary>
/// <param name="When">The condition.</param>
/// <param name="Points">Points added, may be negative.</param>
public sealed record PointRule(FeatureCondition When, double Points);

/// <summary>What a lead is described by: features in order, fallback rules and actions. Immutable; read from YAML by <see cref="Parse"/>.</summary>
public sealed class FeatureProfile
{
    private readonly Dictionary<string, int> index;

    internal FeatureProfile(string name, string yaml, IReadOnlyList<FeatureDefinition> features)
    {
        Name = name;
        Yaml = yaml;
        Features = features;
        index = features.Select((f, i) => (f.Name, i)).ToDictionary(p => p.Name, p => p.i, StringComparer.Ordinal);
        Hash = Sha256(yaml.ReplaceLineEndings("\n"));
        FeaturesHash = Sha256(string.Join('\n', features.Select(Meaning)));
    }

    /// <summary>Name of the profile.</summary>
    public string Name { get; }

    /// <summary>The text it was read from; travels in the model bundle.</summary>
    public string Yaml { get; }

    /// <summary>SHA-256 of the text (line endings folded), lower-case hex.</summary>
    public string Hash { get; }

    /// <summary>SHA-256 over what the features mean (names, kinds, sources, bands, tables), not over labels, rules or actions: a model fits a profile with the same one.</summary>
    public string FeaturesHash { get; }

    /// <summary>Features in order; their position is the position in a row of values.</summary>
    public IReadOnlyList<FeatureDefinition> Features { get; }

    /// <summary>Days within which a conversion counts. Default 90.</summary>
    public int HorizonDays { get; init; } = 90;

    /// <summary>Zone of evenings, weekends and business hours. Default UTC.</summary>
    public TimeZoneInfo Zone { get; init; } = TimeZoneInfo.Utc;

    /// <summary>Business hours in <see cref="Zone"/>.</summary>
    public BusinessHours Hours { get; init; } = BusinessHours.Default;

    /// <summary>Channels, quiet hours, holidays, notice.</summary>
    public ContactRules Contact { get; init; } = ContactRules.Default;

    /// <summary>Points that every lead starts with under the rules. Default 10.</summary>
    public double StartPoints { get; init; } = 10;

    /// <summary>Fallback rules.</summary>
    public IReadOnlyList<PointRule> Rules { get; init; } = [];

    /// <summary>Categorical feature whose levels get an offset of their own while rules score, shrunk to the whole; null when there is none.</summary>
    public string? Segment { get; init; }

    /// <summary>SHA-256 over start points, rules and segment: what was learned about the rules belongs to these.</summary>
    public string RulesHash => Sha256(string.Create(CultureInfo.InvariantCulture, $"{StartPoints}|{Segment}|{string.Join('\n', Rules.Select(Meaning))}"));

    /// <summary>Next-best-action catalogue, in order of precedence.</summary>
    public IReadOnlyList<ActionDefinition> Actions { get; init; } = [];

    /// <summary>Reasons for which leads are not worked, in order of precedence.</summary>
    public IReadOnlyList<Exclusion> Exclusions { get; init; } = [];

    /// <summary>The first exclusion that applies to a lead; null when none does.</summary>
    /// <param name="lead">The lead.</param>
    /// <param name="values">Its feature values, in this profile's order.</param>
    public Exclusion? ExclusionOf(in LeadSnapshot lead, ReadOnlySpan<FeatureValue> values)
    {
        foreach (var exclusion in Exclusions)
        {
            if (exclusion.Holds(this, lead, values)) return exclusion;
        }

        return null;
    }

    /// <summary>Action for leads of whom too little is known; null: the last one of the grade without conditions.</summary>
    public string? DefaultAction { get; init; }

    /// <summary>Sensitive attributes of leads that are no features: models are reported on by them. Default none.</summary>
    public IReadOnlyList<string> SensitiveAttributes { get; init; } = [];

    /// <summary>Stages that end a lead for good, besides the usual ones. Default none.</summary>
    public IReadOnlyList<string> LostStages { get; init; } = [];

    /// <summary>Position of a feature, -1 when the profile has none of that name.</summary>
    public int IndexOf(string feature) => index.GetValueOrDefault(feature, -1);

    /// <summary>Names of the features that an event type goes into: those whose sources name it, and for events on the website those that measure visits. Recency, trend and hours take every type and are left out here.</summary>
    public IReadOnlyList<string> FeaturesOf(string eventType) =>
    [
        .. from f in Features
           where f.Sources.Any(s => s.IsActivity && (s.Types.Contains(eventType) || (s.IsOfVisits && EventTypes.Website.Contains(eventType))))
           select f.Name,
    ];

    /// <summary>The profile without some features, and without the rules and action conditions that name them. Text and hash stay those of the whole.</summary>
    public FeatureProfile Without(IReadOnlySet<string> names) =>
        new(Name, Yaml, [.. Features.Where(f => !names.Contains(f.Name))])
        {
            HorizonDays = HorizonDays, Zone = Zone, Hours = Hours, Contact = Contact, DefaultAction = DefaultAction, StartPoints = StartPoints,
            SensitiveAttributes = SensitiveAttributes, LostStages = LostStages,
            Segment = Segment is { } s && names.Contains(s) ? null : Segment,
            // An exclusion is the organization's word: one that names a left-out feature cannot be tested any more, all others stay.
            Exclusions = [.. this.Exclusions.Where(e => !e.When.Any(c => c.Subject == ConditionSubject.Feature && names.Contains(c.Name)))],
            Rules = [.. this.Rules.Where(r => !names.Contains(r.When.Feature))],
            Actions = [.. this.Actions.Where(a => !a.When.Any(c => c.Subject == ConditionSubject.Feature && names.Contains(c.Name)))],
        };

    /// <summary>16 hex digits of SHA-256 over what one feature means, as in <see cref="FeaturesHash"/>: two profiles with the same one read the same values.</summary>
    public static string MeaningOf(FeatureDefinition feature) => Sha256(Meaning(feature))[..16];

    private static string Meaning(FeatureDefinition f) => string.Create(CultureInfo.InvariantCulture,
        $"{f.Name}|{f.Kind}|{string.Join(';', f.Sources.Select(s => s.Text))}|{string.Join(';', f.Bands ?? [])}|{(f.Lookup is null ? "" : string.Join(';', f.Lookup.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}")))}");

    private static string Meaning(PointRule r) =>
        string.Create(CultureInfo.InvariantCulture, $"{r.When.Feature}|{r.When.AtLeast}|{r.When.AtMost}|{string.Join(';', r.When.Is ?? [])}|{r.Points}");

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Reads a profile from YAML.</summary>
    /// <exception cref="ProfileException">Not YAML, or not a valid profile: the message lists every fault with its place.</exception>
    public static FeatureProfile Parse(string yaml) => ProfileYaml.Read(yaml);
}

/// <summary>A profile that cannot be used; the message lists every fault.</summary>
public sealed class ProfileException(string message, Exception? inner = null) : FormatException(message, inner);
