using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace LeadScoring.Ml.Features;

/// <summary>Reads the YAML form of a profile and reports all its faults at once.</summary>
internal static class ProfileYaml
{
    private const int MaxLength = 4_000_000;
    private const int MaxFeatures = 1_000;
    private const int MaxEntries = 1_000;
    private const int MaxParts = 100;
    private const int MaxFaultsListed = 50;

    internal static FeatureProfile Read(string yaml)
    {
        if (yaml.Length > MaxLength) throw new ProfileException($"The profile has {yaml.Length} characters; at most {MaxLength} are read.");
        Document? document;
        try
        {
            document = new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).WithDuplicateKeyChecking().Build().Deserialize<Document?>(yaml);
        }
        catch (YamlException e)
        {
            throw new ProfileException($"The profile is not valid at line {e.Start.Line}, column {e.Start.Column}: {e.InnerException?.Message ?? e.Message}", e);
        }

        if (document is null) throw new ProfileException("The profile is empty.");
        var faults = new List<string>();
        // Sizes first: with YAML aliases a small text can name the same long list many thousand times.
        Sizes(document, faults);
        var profile = faults.Count == 0 ? Build(document, yaml, faults) : null;
        if (faults.Count == 0) return profile!;
        var more = faults.Count > MaxFaultsListed ? $"\n  and {faults.Count - MaxFaultsListed} more" : "";
        throw new ProfileException("The profile has faults:\n  " + string.Join("\n  ", faults.Take(MaxFaultsListed)) + more);
    }

    private static void Sizes(Document d, List<string> faults)
    {
        void AtMost(string what, int? count, int most)
        {
            if (count > most) faults.Add($"{what}: {count}; at most {most}");
        }

        AtMost("features", d.Features?.Count, MaxFeatures);
        AtMost("rules", d.Rules?.Count, MaxEntries);
        AtMost("actions", d.Actions?.Count, MaxEntries);
        AtMost("sensitive_attributes", d.SensitiveAttributes?.Count, MaxParts);
        AtMost("lost_stages", d.LostStages?.Count, MaxParts);
        AtMost("business_hours.days", d.BusinessHours?.Days?.Count, MaxParts);
        foreach (var f in (d.Features ?? []).Where(f => f is not null))
        {
            AtMost($"feature '{f.Name}': from", f.From?.Count, MaxParts);
            AtMost($"feature '{f.Name}': bands", f.Bands?.Count, MaxEntries);
        }

        foreach (var a in (d.Actions ?? []).Where(a => a is not null))
        {
            AtMost($"action '{a.Id}': when", a.When?.Count, MaxParts);
            AtMost($"action '{a.Id}': grades", a.Grades?.Count, MaxParts);
        }
    }

    private static FeatureProfile? Build(Document d, string yaml, List<string> faults)
    {
        if (string.IsNullOrWhiteSpace(d.Name)) faults.Add("name: missing");
        if (d.HorizonDays is < 1 or > 3650) faults.Add($"horizon_days: {d.HorizonDays} is not in 1..3650");
        if (d.Features is not { Count: > 0 }) faults.Add("features: at least one is needed");
        if (!double.IsFinite(d.StartPoints)) faults.Add($"start_points: {d.StartPoints} is not a finite number");
        if (d.SensitiveFeatures is not ("include" or "exclude")) faults.Add($"sensitive_features: '{d.SensitiveFeatures}' is not include or exclude");
        if ((d.SensitiveAttributes ?? []).Concat(d.LostStages ?? []).Any(string.IsNullOrWhiteSpace)) faults.Add("sensitive_attributes, lost_stages: an entry is empty");
        var zone = TimeZoneInfo.Utc;
        if (d.TimeZone is { } id && !TimeZoneInfo.TryFindSystemTimeZoneById(id, out zone!)) faults.Add($"time_zone: '{id}' is not known; write it as in Europe/Berlin");

        var features = new List<FeatureDefinition>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (f, i) in (d.Features ?? []).Select((f, i) => (f, i)))
        {
            if (f is null || string.IsNullOrWhiteSpace(f.Name)) faults.Add($"features[{i}].name: missing");
            else if (!names.Add(f.Name)) faults.Add($"features[{i}]: '{f.Name}' stands twice");
            else if (Feature(f, d, faults) is { } feature) features.Add(feature);
        }

        var rules = (d.Rules ?? []).Select((r, i) => Rule(r, $"rules[{i}]", names, faults)).ToList();
        var actions = (d.Actions ?? []).Select((a, i) => Action(a, i, names, faults)).ToList();
        var hours = d.BusinessHours is null ? BusinessHours.Default : new BusinessHours(d.BusinessHours.From, d.BusinessHours.To, d.BusinessHours.Days ?? BusinessHours.Default.Days);
        if (hours.FromHour < 0 || hours.ToHour > 24 || hours.FromHour >= hours.ToHour || hours.Days.Count == 0 || hours.Days.Any(x => x is < 0 or > 6))
            faults.Add("business_hours: from must be before to (0..24) and days in 0 (Monday)..6");
        if (faults.Count > 0) return null;
        return new FeatureProfile(d.Name!, yaml, features)
        {
            HorizonDays = d.HorizonDays, Zone = zone, Hours = hours, StartPoints = d.StartPoints, Rules = rules, Actions = actions,
            SensitiveAttributes = d.SensitiveAttributes ?? [], LostStages = d.LostStages ?? [],
        };
    }

    private static FeatureDefinition? Feature(FeatureNode f, Document d, List<string> faults)
    {
        var at = $"feature '{f.Name}'";
        // Enum.TryParse alone would take numbers and "numeric, boolean", too.
        if (!Enum.TryParse<FeatureKind>(f.Kind ?? "numeric", ignoreCase: true, out var kind) || f.Kind?.All(char.IsAsciiLetter) == false)
        {
            faults.Add($"{at}: kind '{f.Kind}' is not numeric, categorical or boolean");
            return null;
        }

        var sources = new List<FeatureSource>();
        foreach (var text in f.From is { Count: > 0 } ? f.From : [$"attribute:{f.Name}"])
        {
            try
            {
                sources.Add(FeatureSource.Parse(text ?? throw new FormatException("from has an empty entry")));
            }
            catch (FormatException e)
            {
                faults.Add($"{at}: {e.Message}");
            }
        }

        Dictionary<string, string>? lookup = null;
        if (f.Lookup is { } name && (d.Lookups?.TryGetValue(name, out lookup) != true || lookup is null)) faults.Add($"{at}: no table '{name}' under lookups");
        if (f.Bands?.All(double.IsFinite) == false) faults.Add($"{at}: bands must be finite numbers");
        if (f.Bands is { } bands && (bands.Count == 0 || bands.Zip(bands.Skip(1)).Any(p => !(p.First < p.Second)))) faults.Add($"{at}: bands must ascend");
        if (f.Bands is not null && kind != FeatureKind.Categorical) faults.Add($"{at}: bands make levels, so kind must be categorical");
        return new FeatureDefinition
        {
            Name = f.Name!, Group = f.Group ?? "other", Kind = kind, Sources = sources, Label = f.Label ?? f.Name!.Replace('_', ' '), Unit = f.Unit ?? "",
            Actionable = f.Actionable, Sensitive = f.Sensitive, Bands = f.Bands, Excluded = f.Exclude ?? (f.Sensitive && d.SensitiveFeatures == "exclude"),
            Lookup = lookup is null ? null : Table(f.Lookup!, lookup, faults),
        };
    }

    private static Dictionary<string, string> Table(string name, Dictionary<string, string> written, List<string> faults)
    {
        var table = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, level) in written)
        {
            if (!table.TryAdd(key, level)) faults.Add($"lookups: '{key}' stands twice in table '{name}', which ignores case");
        }

        return table;
    }

    private static PointRule Rule(RuleNode? r, string at, HashSet<string> names, List<string> faults)
    {
        if (r is not null && !double.IsFinite(r.Points)) faults.Add($"{at}: points {r.Points} is not a finite number");
        return new PointRule(Condition(r, at, names, faults), r?.Points ?? 0);
    }

    private static FeatureCondition Condition(ConditionNode? c, string at, HashSet<string> names, List<string> faults)
    {
        c ??= new ConditionNode();
        if (c.AtLeast is { } low && double.IsNaN(low)) faults.Add($"{at}: at_least is not a number");
        if (c.AtMost is { } high && double.IsNaN(high)) faults.Add($"{at}: at_most is not a number");
        if (c.Feature is null || !names.Contains(c.Feature)) faults.Add($"{at}: feature '{c.Feature}' is not in the profile");
        return new FeatureCondition { Feature = c.Feature ?? "", AtLeast = c.AtLeast, AtMost = c.AtMost, Is = c.Is };
    }

    private static ActionDefinition Action(ActionNode? a, int i, HashSet<string> names, List<string> faults)
    {
        a ??= new ActionNode();
        if (string.IsNullOrWhiteSpace(a.Id) || string.IsNullOrWhiteSpace(a.Text)) faults.Add($"actions[{i}]: id and text are needed");
        if (a.Grades?.Any(g => g is not ("A" or "B" or "C" or "D")) == true) faults.Add($"actions[{i}]: grades are A, B, C, D");
        var when = (a.When ?? []).Select((c, k) => Condition(c, $"actions[{i}].when[{k}]", names, faults)).ToList();
        return new ActionDefinition(a.Id ?? "", a.Text ?? "", a.Grades ?? [], when, a.Channel ?? "");
    }

    // YAML shapes. Unknown keys are refused by the reader, so a typing error is not silently a default.
    private sealed class Document
    {
        public string? Name { get; set; }
        public string? Description { get; set; }
        public int HorizonDays { get; set; } = 90;
        public string? TimeZone { get; set; }
        public HoursNode? BusinessHours { get; set; }
        public double StartPoints { get; set; } = 10;
        public string SensitiveFeatures { get; set; } = "include";
        public List<string>? SensitiveAttributes { get; set; }
        public List<string>? LostStages { get; set; }
        public Dictionary<string, Dictionary<string, string>>? Lookups { get; set; }
        public List<FeatureNode>? Features { get; set; }
        public List<RuleNode>? Rules { get; set; }
        public List<ActionNode>? Actions { get; set; }
    }

    private sealed class HoursNode
    {
        public int From { get; set; } = 9;
        public int To { get; set; } = 18;
        public List<int>? Days { get; set; }
    }

    private sealed class FeatureNode
    {
        public string? Name { get; set; }
        public string? Group { get; set; }
        public string? Kind { get; set; }
        public List<string>? From { get; set; }
        public string? Label { get; set; }
        public string? Unit { get; set; }
        public bool Actionable { get; set; }
        public bool Sensitive { get; set; }
        public bool? Exclude { get; set; }
        public List<double>? Bands { get; set; }
        public string? Lookup { get; set; }
    }

    private class ConditionNode
    {
        public string? Feature { get; set; }
        public double? AtLeast { get; set; }
        public double? AtMost { get; set; }
        public List<string>? Is { get; set; }
    }

    private sealed class RuleNode : ConditionNode
    {
        public double Points { get; set; }
    }

    private sealed class ActionNode
    {
        public string? Id { get; set; }
        public string? Text { get; set; }
        public List<string>? Grades { get; set; }
        public List<ConditionNode>? When { get; set; }
        public string? Channel { get; set; }
    }
}
