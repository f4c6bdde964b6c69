using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>What is wrong with a feature.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LeakKind>))]
public enum LeakKind
{
    /// <summary>Alone it says much of the outcome.</summary>
    [JsonStringEnumMemberName("outcome")]
    Outcome,

    /// <summary>Named, or filled, like a stage that sales sets as the outcome nears.</summary>
    [JsonStringEnumMemberName("stage")]
    Stage,

    /// <summary>A date that lies after the decision moment.</summary>
    [JsonStringEnumMemberName("after_decision")]
    AfterDecision,

    /// <summary>Names the lead instead of describing it.</summary>
    [JsonStringEnumMemberName("identifier")]
    Identifier,

    /// <summary>The same for every lead.</summary>
    [JsonStringEnumMemberName("constant")]
    Constant,

    /// <summary>Sensitive, and excluded by the profile.</summary>
    [JsonStringEnumMemberName("excluded")]
    Excluded,
}

/// <summary>A feature that should be looked at before a model is trusted.</summary>
/// <param name="Feature">Its name.</param>
/// <param name="Auc">Area under the ROC curve of the feature alone, at least 0.5.</param>
/// <param name="MissingnessAuc">The same of whether it is filled.</param>
/// <param name="LeftOut">Whether the training went on without it.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Figure">The figure behind it: an AUC, or a share of rows.</param>
/// <param name="Detail">What was seen, for kinds other than <see cref="LeakKind.Outcome"/>.</param>
public sealed record LeakFinding(string Feature, double Auc, double MissingnessAuc, bool LeftOut, LeakKind Kind = LeakKind.Outcome, double? Figure = null, string? Detail = null)
{
    /// <summary>The finding for people, and what to do.</summary>
    public string Message => Kind switch
    {
        LeakKind.Stage => $"'{Feature}' looks like a stage ({Detail}): if sales sets it as the outcome nears, exclude it.",
        LeakKind.AfterDecision => $"'{Feature}' is a date that lies after the decision moment in {Share(Figure ?? double.NaN)} of the rows: if it is written when the lead closes, exclude it.",
        LeakKind.Identifier => $"'{Feature}' names the lead ({Detail}): a model can only learn it by heart. Remove it from the profile.",
        LeakKind.Constant => $"'{Feature}' is {Detail}: it says nothing. Check that it is filled, or remove it from the profile.",
        LeakKind.Excluded => $"'{Feature}' is excluded by the profile{(Detail is null ? "" : $" ({Detail})")}: read and reported on, not given to the model.",
        _ => OutcomeMessage,
    };

    private string OutcomeMessage
    {
        get
        {
            var much = Math.Max(Auc, MissingnessAuc) >= LeakLinter.LeaveOut ? "nearly decides the outcome" : "says much of the outcome";
            return MissingnessAuc >= Auc
                ? $"Whether '{Feature}' is filled {much} (AUC {Number(MissingnessAuc)} by itself): is it filled only afterwards?"
                : $"'{Feature}' alone {much} (AUC {Number(Auc)}): is it known before the outcome?";
        }
    }

    private static string Number(double auc) => auc.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Share(double share) => share.ToString("P0", CultureInfo.InvariantCulture);
}

/// <summary>Finds features that give the outcome away, name the lead, or that the profile excludes.</summary>
public static partial class LeakLinter
{
    /// <summary>From this AUC on a feature is left out: no honest single fact about a lead is that good.</summary>
    public const double LeaveOut = 0.99;

    /// <summary>From this AUC on a feature is reported.</summary>
    public const double Report = 0.9;

    private const int MaxRows = 20_000;
    private const int FewestForIds = 50;
    private const int FewestForCounters = 200;
    private const double DateShare = 0.01;

    private static readonly HashSet<string> StageWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "stage", "status", "lost", "won", "closed", "closing", "contract", "deal", "outcome", "disposition", "churned", "signed",
    };

    // "Employment status" is what people say of a person, not of a deal.
    private static readonly HashSet<string> PersonWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "employment", "marital", "family", "work", "job", "student", "residence", "residency", "ownership", "consent", "subscription", "email", "life", "account",
    };

    private static readonly HashSet<string> StageLevels = new(StringComparer.OrdinalIgnoreCase)
    {
        "won", "lost", "closed won", "closed lost", "closed_won", "closed_lost", "closedwon", "closedlost", "converted", "disqualified", "contract signed", "deal won", "deal lost",
    };

    // Over cells of a file, as long as they may be: never goes back over what it read.
    [GeneratedRegex(@"^[^@\s]+@[^@\s]+\.[^@\s]+$", RegexOptions.NonBacktracking)]
    private static partial Regex Email { get; }

    [GeneratedRegex(@"^\+?[\d\s().\-/]{7,20}$", RegexOptions.NonBacktracking)]
    private static partial Regex Phone { get; }

    /// <summary>Looks at each feature alone: numbers by rank, levels by their out-of-fold rate, all by being filled, by what they look like and by what the profile says.</summary>
    /// <param name="set">The table.</param>
    /// <param name="rows">Training rows; at most 20,000 of them are looked at.</param>
    /// <param name="settings">Seed, encoding and whether leaks are allowed. What the profile excludes stays excluded.</param>
    public static IReadOnlyList<LeakFinding> Find(TrainingSet set, int[] rows, TrainingSettings settings)
    {
        var findings = Excluded(set.Profile);
        var excluded = findings.Select(l => l.Feature).ToHashSet(StringComparer.Ordinal);
        var ordered = rows;
        if (rows.Length > MaxRows)
        {
            var sample = (int[])rows.Clone();
            new Random(settings.Seed).Shuffle(sample);
            rows = sample[..MaxRows];
            ordered = [.. rows.Order()];
        }

        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        // In a handful of leads chance alone separates the classes.
        var positives = labels.Count(y => y == 1);
        if (Math.Min(positives, labels.Length - positives) < EnsembleTrainer.FewestPerClass) return findings;
        for (var f = 0; f < set.Profile.Features.Count; f++)
        {
            var feature = set.Profile.Features[f];
            if (excluded.Contains(feature.Name)) continue;
            var column = Array.ConvertAll(rows, r => set.Row(r)[f]);
            findings.AddRange(OfColumn(feature, column, Array.ConvertAll(ordered, r => set.Row(r)[f]), labels, settings));
        }

        // Nothing left would be worse than a model that is too good to be true and says so. What the profile excludes is not put back.
        var left = set.Profile.Features.Count - excluded.Count;
        var leavesNone = findings.Where(l => l.LeftOut && l.Kind != LeakKind.Excluded).Select(l => l.Feature).Distinct(StringComparer.Ordinal).Count() == left;
        return leavesNone ? [.. findings.Select(l => l.Kind == LeakKind.Excluded ? l : l with { LeftOut = false })] : findings;
    }

    /// <summary>The set without the features that were left out.</summary>
    internal static TrainingSet Without(TrainingSet set, IReadOnlyList<LeakFinding> findings)
    {
        var dropped = findings.Where(l => l.LeftOut).Select(l => l.Feature).ToHashSet(StringComparer.Ordinal);
        if (dropped.Count == set.Profile.Features.Count) throw new TrainingException("The profile excludes every feature: there is nothing to learn from. See exclude and sensitive_features in the profile.");
        return dropped.Count == 0 ? set : set.WithFeatures(set.Profile.Without(dropped));
    }

    private static List<LeakFinding> Excluded(FeatureProfile profile) =>
    [
        .. profile.Features.Where(f => f.Excluded).Select(f => new LeakFinding(f.Name, double.NaN, double.NaN, true, LeakKind.Excluded, Detail: f.Sensitive ? "sensitive" : null)),
    ];

    private static IEnumerable<LeakFinding> OfColumn(FeatureDefinition feature, FeatureValue[] column, FeatureValue[] ordered, float[] labels, TrainingSettings settings)
    {
        var known = column.Count(v => !v.IsMissing);
        if (known == 0 || (known == column.Length && column.All(v => v == column[0])))
        {
            yield return new LeakFinding(feature.Name, 0.5, 0.5, false, LeakKind.Constant, known / (double)column.Length, known == 0 ? "empty in every row" : "the same in every row");
            yield break;
        }

        var auc = Single(feature, column, labels, settings);
        var filled = Folded(RankingQuality.RocAuc(Array.ConvertAll(column, v => v.IsMissing ? 0.0 : 1), labels));
        if (Math.Max(auc, filled) >= Report)
            yield return new LeakFinding(feature.Name, auc, filled, !settings.AllowLeaks && Math.Max(auc, filled) >= LeaveOut, LeakKind.Outcome, Math.Max(auc, filled));
        else if (Identifier(feature, ordered) is var (share, what) && what is not null)
            yield return new LeakFinding(feature.Name, auc, filled, !settings.AllowLeaks, LeakKind.Identifier, share, what);
        if (Stage(feature, column) is { } stage) yield return new LeakFinding(feature.Name, auc, filled, false, LeakKind.Stage, Math.Max(auc, filled), stage);
        // "Days since" never falls below 0: exactly 0 is a date that had not come yet.
        if (feature.Sources.Any(s => !s.IsActivity && s.Transform is "days_since" or "years_since") && column.Count(v => !v.IsMissing && v.Number == 0) / (double)known is var after && after >= DateShare)
            yield return new LeakFinding(feature.Name, auc, filled, false, LeakKind.AfterDecision, after);
    }

    private static (double Share, string? What) Identifier(FeatureDefinition feature, FeatureValue[] ordered)
    {
        FeatureValue[] known = [.. ordered.Where(v => !v.IsMissing)];
        if (known.Length < FewestForIds) return default;
        if (feature.Kind == FeatureKind.Categorical)
        {
            double Like(Regex pattern) => known.Count(v => pattern.IsMatch(v.Level!)) / (double)known.Length;
            if (Like(Email) is var mail and >= 0.8) return (mail, "e-mail addresses");
            if (Like(Phone) is var phone and >= 0.8 && known.Count(v => v.Level!.Count(char.IsAsciiDigit) >= 7) >= 0.8 * known.Length) return (phone, "phone numbers");
            var levels = known.Select(v => v.Level!).Distinct(StringComparer.Ordinal).Count() / (double)known.Length;
            return levels >= 0.95 ? (levels, $"{levels.ToString("P0", CultureInfo.InvariantCulture)} of its values occur once") : default;
        }

        if (feature.Kind != FeatureKind.Numeric || known.Length < FewestForCounters || feature.Sources.Any(s => s.IsActivity || s.Transform.Length > 0) || known.Any(v => v.Number % 1 != 0)) return default;
        double[] numbers = Array.ConvertAll(known, v => v.Number);
        var distinct = numbers.Distinct().Count() / (double)numbers.Length;
        // Sums of money are distinct whole numbers as well: a counter runs with the rows, or leaves few gaps.
        var rising = numbers.Zip(numbers.Skip(1)).Count(p => p.Second > p.First) / (double)(numbers.Length - 1);
        var gaps = (numbers.Max() - numbers.Min() + 1) / numbers.Length;
        return distinct >= 0.99 && (rising is >= 0.98 or <= 0.02 || gaps <= 1.5) ? (distinct, "a running number") : default;
    }

    private static string? Stage(FeatureDefinition feature, FeatureValue[] column)
    {
        string[] words = [.. Words().Split(feature.Name).Where(w => w.Length > 0)];
        if (!words.Any(PersonWords.Contains) && words.FirstOrDefault(StageWords.Contains) is { } word) return $"its name says '{word}'";
        return column.Select(v => v.Level).OfType<string>().FirstOrDefault(l => StageLevels.Contains(l.Trim())) is { } level ? $"one of its values is '{level}'" : null;
    }

    [GeneratedRegex(@"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Words();

    /// <summary>AUC of one column alone, at least 0.5: numbers by rank, levels by their out-of-fold rate.</summary>
    internal static double Single(FeatureDefinition feature, FeatureValue[] column, float[] labels, TrainingSettings settings)
    {
        if (feature.Kind == FeatureKind.Categorical)
        {
            var encoded = TargetStatistics.OutOfFold(Array.ConvertAll(column, v => v.Level), labels, settings.Encoding, settings.Seed);
            // Not folded: the encoding already points towards conversion. Below 0.5 it tells only that a row's own fold is left out of it.
            var encodedAuc = RankingQuality.RocAuc(Array.ConvertAll(encoded, e => (double)e.LogOdds), labels);
            return double.IsNaN(encodedAuc) ? 0.5 : Math.Max(0.5, encodedAuc);
        }

        var known = column.Where(v => !v.IsMissing).Select(v => v.Number).ToArray();
        if (known.Length == 0) return 0.5;
        Array.Sort(known);
        var median = known[known.Length / 2];
        return Folded(RankingQuality.RocAuc(Array.ConvertAll(column, v => v.IsMissing ? median : v.Number), labels));
    }

    private static double Folded(double auc) => double.IsNaN(auc) ? 0.5 : Math.Max(auc, 1 - auc);
}
