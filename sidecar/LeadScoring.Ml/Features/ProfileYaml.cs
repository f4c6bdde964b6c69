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
        throw new ProfileException("The profile has faults:\n  " + string.Join("\n  ", ProfilePositions.Of(yaml, faults.Take(MaxFaultsListed))) + more);
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
        AtMost("exclusions", d.Exclusions?.Count, MaxParts);
        foreach (var e in (d.Exclusions ?? []).Where(e => e is not null)) AtMost($"exclusion '{e.Id}': when", e.When?.Count, MaxParts);
        AtMost("sensitive_attributes", d.SensitiveAttributes?.Count, MaxParts);
        AtMost("lost_stages", d.LostStages?.Count, MaxParts);
        AtMost("business_hours.days", d.BusinessHours?.Days?.Count, MaxParts);
        AtMost("contact.holidays", d.Contact?.Holidays?.Count, MaxEntries);
        AtMost("contact.channels", d.Contact?.Channels?.Count, MaxParts);
        foreach (var f in (d.Features ?? []).Where(f => f is not null))
        {
            AtMost($"feature '{f.Name}': from", f.From?.Count, MaxParts);
            AtMost($"feature '{f.Name}': bands", f.Bands?.Count, MaxEntries);
        }

        foreach (var a in (d.Actions ?? []).Where(a => a is not null))
        {
            AtMost($"action '{a.Id}': when", a.When?.Count, MaxParts);
            AtMost($"action '{a.Id}': grades", a.Grades?.Count, MaxParts);
            AtMost($"action '{a.Id}': stages", a.Stages?.Count, MaxParts);
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
        var groups = features.Select(f => f.Group).ToHashSet(StringComparer.Ordinal);
        var hours = ContactYaml.Hours(d.BusinessHours, faults);
        var contact = ContactYaml.Rules(d.Contact, faults);
        var actions = (d.Actions ?? []).Select((a, i) => Action(a, i, names, groups, contact, faults)).ToList();
        var exclusions = (d.Exclusions ?? []).Select((e, i) => Excluded(e, $"exclusions[{i}]", names, groups, faults)).ToList();
        if (d.DefaultAction is { } byDefault && actions.All(a => a.Id != byDefault)) faults.Add($"default_action: '{byDefault}' is not in actions");
        if (d.Segment is { } segment && features.Find(f => f.Name == segment)?.Kind != FeatureKind.Categorical) faults.Add($"segment: '{segment}' is not a categorical feature of the profile");
        if (faults.Count > 0) return null;
        return new FeatureProfile(d.Name!, yaml, features)
        {
            HorizonDays = d.HorizonDays, Zone = zone, Hours = hours, Contact = contact, StartPoints = d.StartPoints, Segment = d.Segment, Rules = rules, Actions = actions,
            DefaultAction = d.DefaultAction, Exclusions = exclusions,
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
        if (f.Phrase is { } phrase && !phrase.Contains("{value}", StringComparison.Ordinal)) faults.Add($"{at}: phrase must contain {{value}}");
        return new FeatureDefinition
        {
            Phrase = f.Phrase ?? "",
            SubScore = Choice(f.SubScore, SubScoreOf(f.Group), $"{at}: sub_score", faults),
            Change = Choice(f.Change, ChangeOf(sources), $"{at}: change", faults),
            Name = f.Name!, Group = f.Group ?? "other", Kind = kind, Sources = sources, Label = f.Label ?? f.Name!.Replace('_', ' '), Unit = f.Unit ?? "",
            Actionable = f.Actionable, Sensitive = f.Sensitive, Bands = f.Bands, Excluded = f.Exclude ?? (f.Sensitive && d.SensitiveFeatures == "exclude"), IsAllowed = f.Sensitive && f.Exclude == false,
            Lookup = lookup is null ? null : Table(f.Lookup!, lookup, faults),
        };
    }

    private static TEnum Choice<TEnum>(string? written, TEnum otherwise, string at, List<string> faults)
        where TEnum : struct, Enum
    {
        if (written is null) return otherwise;
        if (written.All(char.IsAsciiLetter) && Enum.TryParse<TEnum>(written, ignoreCase: true, out var choice)) return choice;
        faults.Add($"{at} '{written}' is not {string.Join(", ", Enum.GetNames<TEnum>()).ToLowerInvariant()}");
        return otherwise;
    }

    private static SubScore SubScoreOf(string? group) => group switch
    {
        "behavioral" or "engagement" or "temporal" => SubScore.Engagement,
        "intent" => SubScore.Intent,
        _ => SubScore.Fit,
    };

    private static ValueChange ChangeOf(List<FeatureSource> sources) =>
        sources.Exists(s => s.IsActivity && s.Name is "count" or "visits" or "minutes_on_site") ? ValueChange.Increase
        : sources.Exists(s => s.IsActivity && s.Name == "days_since_last") ? ValueChange.Decrease
        : ValueChange.Any;

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

    private static Exclusion Excluded(ExclusionNode? e, string at, HashSet<string> names, HashSet<string> groups, List<string> faults)
    {
        e ??= new ExclusionNode();
        if (string.IsNullOrWhiteSpace(e.Id) || string.IsNullOrWhiteSpace(e.Text)) faults.Add($"{at}: id and text are needed");
        if (e.When is not { Count: > 0 }) faults.Add($"{at}: when needs a condition, or every lead would be excluded");
        return new Exclusion(e.Id ?? "", e.Text ?? "", [.. (e.When ?? []).Select((c, k) => When(c, $"{at}.when[{k}]", names, groups, faults))]);
    }

    private static ActionDefinition Action(ActionNode? a, int i, HashSet<string> names, HashSet<string> groups, ContactRules contact, List<string> faults)
    {
        a ??= new ActionNode();
        var at = $"actions[{i}]";
        if (string.IsNullOrWhiteSpace(a.Id) || string.IsNullOrWhiteSpace(a.Text)) faults.Add($"{at}: id and text are needed");
        if (a.Id?.Length > 100) faults.Add($"{at}: id has more than 100 characters");
        if (a.Grades?.Any(g => g is not ("A" or "B" or "C" or "D")) == true) faults.Add($"{at}: grades are A, B, C, D");
        if (a.Channel is { Length: > 0 } channel && channel != ContactRules.Meeting && contact.Find(channel) is null)
            faults.Add($"{at}: channel '{channel}' is none of meeting, {string.Join(", ", contact.Channels.Select(c => c.Name))}; further ones stand under contact.channels");
        if (a.CoolDownDays is not (>= 0 and <= 3650)) faults.Add($"{at}: cool_down_days {a.CoolDownDays} is not in 0..3650");
        var when = (a.When ?? []).Select((c, k) => When(c, $"{at}.when[{k}]", names, groups, faults)).ToList();
        if (a.Stages is not null) when.Add(new LeadCondition(ConditionSubject.Attribute, "stage", new FeatureCondition { Feature = "stage", Is = a.Stages }));
        return new ActionDefinition(a.Id ?? "", a.Text ?? "", a.Grades ?? [], when, a.Channel ?? "") { CoolDownDays = a.CoolDownDays, Why = a.Why };
    }

    private static LeadCondition When(WhenNode? c, string at, HashSet<string> names, HashSet<string> groups, List<string> faults)
    {
        c ??= new WhenNode();
        (ConditionSubject Subject, string? Name)[] given = [(ConditionSubject.Feature, c.Feature), (ConditionSubject.Group, c.Group), (ConditionSubject.Attribute, c.Attribute), (ConditionSubject.Event, c.Event)];
        if (given.Count(g => g.Name is not null) > 1) faults.Add($"{at}: one of feature, group, attribute and event");
        if (c.Group is not null && !groups.Contains(c.Group)) faults.Add($"{at}: no feature is in group '{c.Group}'");
        if (c.Event is not null && (c.Is ?? c.IsNot ?? c.EndsWith) is not null) faults.Add($"{at}: an event is counted: at_least and at_most; is, is_not and ends_with are for values");
        if (c.Attribute is not null && c.AtLeast is null && c.AtMost is null && (c.Is ?? c.IsNot ?? c.EndsWith) is null) faults.Add($"{at}: attribute '{c.Attribute}' needs a test: is, is_not, ends_with, at_least or at_most");
        if (c.EndsWith?.Any(string.IsNullOrEmpty) == true) faults.Add($"{at}: ends_with has an empty entry, which every text ends with");
        var (subject, name) = given.FirstOrDefault(g => g.Name is not null) is { Name: { } found } one ? (one.Subject, found) : (ConditionSubject.Feature, "");
        var test = subject == ConditionSubject.Feature
            ? Condition(c, at, names, faults)
            : Condition(new ConditionNode { Feature = name, AtLeast = c.AtLeast, AtMost = c.AtMost, Is = c.Is }, at, [name], faults);
        return new LeadCondition(subject, name, test) { IsNot = c.IsNot, EndsWith = c.EndsWith };
    }

    // YAML shapes. Unknown keys are refused by the reader, so a typing error is not silently a default.
    private sealed class Document
    {
        public string? Name { get; set; }
        public string? Description { get; set; }
        public int HorizonDays { get; set; } = 90;
        public string? TimeZone { get; set; }
        public ContactYaml.HoursNode? BusinessHours { get; set; }
        public ContactYaml.ContactNode? Contact { get; set; }
        public double StartPoints { get; set; } = 10;
        public string? Segment { get; set; }
        public string SensitiveFeatures { get; set; } = "include";
        public List<string>? SensitiveAttributes { get; set; }
        public List<string>? LostStages { get; set; }
        public Dictionary<string, Dictionary<string, string>>? Lookups { get; set; }
        public List<FeatureNode>? Features { get; set; }
        public List<RuleNode>? Rules { get; set; }
        public List<ActionNode>? Actions { get; set; }
        public List<ExclusionNode>? Exclusions { get; set; }
        public string? DefaultAction { get; set; }
    }

    private sealed class FeatureNode
    {
        public string? Name { get; set; }
        public string? Group { get; set; }
        public string? Kind { get; set; }
        public List<string>? From { get; set; }
        public string? Label { get; set; }
        public string? Unit { get; set; }
        public string? Phrase { get; set; }
        public string? SubScore { get; set; }
        public string? Change { get; set; }
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

    private sealed class ExclusionNode
    {
        public string? Id { get; set; }
        public string? Text { get; set; }
        public List<WhenNode>? When { get; set; }
    }

    private sealed class WhenNode : ConditionNode
    {
        public string? Group { get; set; }
        public string? Attribute { get; set; }
        public List<string>? IsNot { get; set; }
        public string? Event { get; set; }
        public List<string>? EndsWith { get; set; }
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
        public List<string>? Stages { get; set; }
        public List<WhenNode>? When { get; set; }
        public string? Channel { get; set; }
        public double CoolDownDays { get; set; }
        public string? Why { get; set; }
    }
}
