using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Ml.Features;

/// <summary>One rule of the fallback: points when a condition holds.</summary>
/// <param name="When">The condition.</param>
/// <param name="Points">Points added, may be negative.</param>
public sealed record PointRule(FeatureCondition When, double Points);

/// <summary>One entry of the next-best-action catalogue. The first entry whose grade and conditions hold is recommended.</summary>
/// <param name="Id">Stable identity, such as call_now.</param>
/// <param name="Text">What the rep reads.</param>
/// <param name="Grades">Grades it is for; empty means all.</param>
/// <param name="When">Conditions, all of which must hold.</param>
/// <param name="Channel">phone, email, sms, meeting; empty when it binds no channel.</param>
public sealed record ActionDefinition(string Id, string Text, IReadOnlyList<string> Grades, IReadOnlyList<FeatureCondition> When, string Channel);

/// <summary>Business hours of the organization, in its zone.</summary>
/// <param name="FromHour">First hour, 0-23.</param>
/// <param name="ToHour">Hour at which it closes, 1-24, after <paramref name="FromHour"/>.</param>
/// <param name="Days">Open days, Monday = 0.</param>
public sealed record BusinessHours(int FromHour, int ToHour, IReadOnlyList<int> Days)
{
    /// <summary>Monday to Friday, 9 to 18.</summary>
    public static readonly BusinessHours Default = new(9, 18, [0, 1, 2, 3, 4]);
}

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

    /// <summary>Points that every lead starts with under the rules. Default 10.</summary>
    public double StartPoints { get; init; } = 10;

    /// <summary>Fallback rules.</summary>
    public IReadOnlyList<PointRule> Rules { get; init; } = [];

    /// <summary>Next-best-action catalogue, in order of precedence.</summary>
    public IReadOnlyList<ActionDefinition> Actions { get; init; } = [];

    /// <summary>Sensitive attributes of leads that are no features: models are reported on by them. Default none.</summary>
    public IReadOnlyList<string> SensitiveAttributes { get; init; } = [];

    /// <summary>Stages that end a lead for good, besides the usual ones. Default none.</summary>
    public IReadOnlyList<string> LostStages { get; init; } = [];

    /// <summary>Position of a feature, -1 when the profile has none of that name.</summary>
    public int IndexOf(string feature) => index.GetValueOrDefault(feature, -1);

    /// <summary>The profile without some features, and without the rules and action conditions that name them. Text and hash stay those of the whole.</summary>
    public FeatureProfile Without(IReadOnlySet<string> names) =>
        new(Name, Yaml, [.. Features.Where(f => !names.Contains(f.Name))])
        {
            HorizonDays = HorizonDays, Zone = Zone, Hours = Hours, StartPoints = StartPoints, SensitiveAttributes = SensitiveAttributes, LostStages = LostStages,
            Rules = [.. this.Rules.Where(r => !names.Contains(r.When.Feature))],
            Actions = [.. this.Actions.Where(a => !a.When.Any(c => names.Contains(c.Feature)))],
        };

    private static string Meaning(FeatureDefinition f) => string.Create(CultureInfo.InvariantCulture,
        $"{f.Name}|{f.Kind}|{string.Join(';', f.Sources.Select(s => s.Text))}|{string.Join(';', f.Bands ?? [])}|{(f.Lookup is null ? "" : string.Join(';', f.Lookup.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}")))}");

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Reads a profile from YAML.</summary>
    /// <exception cref="ProfileException">Not YAML, or not a valid profile: the message lists every fault with its place.</exception>
    public static FeatureProfile Parse(string yaml) => ProfileYaml.Read(yaml);
}

/// <summary>A profile that cannot be used; the message lists every fault.</summary>
public sealed class ProfileException(string message, Exception? inner = null) : FormatException(message, inner);
