using System.Globalization;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>What to do about leads that nobody worked.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EffortVerdict>))]
public enum EffortVerdict
{
    /// <summary>Contacts are not recorded, or of too few leads: nothing can be said.</summary>
    [JsonStringEnumMemberName("unknown")]
    Unknown,

    /// <summary>Work does not follow the score, or does not change what becomes of leads: outcomes may be taken as they are.</summary>
    [JsonStringEnumMemberName("fine")]
    Fine,

    /// <summary>Outcomes of leads that nobody worked mislead a training: correct for effort.</summary>
    [JsonStringEnumMemberName("correct")]
    Correct,

    /// <summary>Too many leads had no chance of being worked: a correction cannot know them. Let a few be worked whatever their score.</summary>
    [JsonStringEnumMemberName("explore")]
    Explore,
}

/// <summary>How far outcomes hang on whether anybody worked the lead, and whether a training can correct for it.</summary>
/// <param name="Leads">Leads with a final outcome and a known score at the decision, since contacts are recorded.</param>
/// <param name="Worked">How many of them were worked before their outcome.</param>
/// <param name="FollowsScore">Chance that a lead that was worked had the higher score of the two beside one that was not: 0.5 when work does not follow the score.</param>
/// <param name="FollowsScoreInterval">Its 95 % interval.</param>
/// <param name="Gap">Conversion of worked leads less that of others of the same score (tenths of the scores; Mantel and Haenszel, interval by Greenland and Robins 1985).</param>
/// <param name="GapInterval">Its 95 % interval.</param>
/// <param name="WithoutChance">Share of leads whose chance of being worked lies below <see cref="EffortWeights.LeastChance"/>.</param>
/// <param name="EffectiveLeads">As many leads, each counting alike, would say as much as the weighted ones that were worked.</param>
/// <param name="HeaviestShare">Share of the whole weight that the heaviest tenth of the worked leads has: 0.1 when all weigh alike.</param>
/// <param name="Verdict">What to do.</param>
/// <param name="Advice">The same in words.</param>
public sealed record EffortCheck(
    int Leads, int Worked, double FollowsScore, Interval FollowsScoreInterval, double Gap, Interval GapInterval, double WithoutChance, double EffectiveLeads, double HeaviestShare, EffortVerdict Verdict, string Advice)
{
    /// <summary>Share of leads without a chance from which on a correction is not to be trusted.</summary>
    public const double MostWithoutChance = 0.25;

    /// <summary>How far from 0.5 <see cref="FollowsScore"/> must lie to matter.</summary>
    public const double LeastFollowing = 0.05;

    /// <summary>Fewest effective leads for a correction.</summary>
    public const int FewestEffective = 100;

    private const double Z = 1.959963984540054;
    private const int Strata = 10;

    /// <summary>Looks at leads with final outcomes.</summary>
    /// <param name="probabilities">Score at the decision as a probability. Shape (leads,).</param>
    /// <param name="worked">Whether the lead was worked before its outcome. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="chances">From <see cref="ContactPropensity"/>; null when it could not be estimated. Shape (leads,).</param>
    public static EffortCheck Of(double[] probabilities, bool[] worked, float[] labels, double[]? chances)
    {
        var contacts = worked.Count(w => w);
        if (chances is null)
        {
            return new EffortCheck(worked.Length, contacts, double.NaN, Interval.Undefined, double.NaN, Interval.Undefined, double.NaN, double.NaN, double.NaN, EffortVerdict.Unknown, Text(contacts == 0
                ? (FormattableString)$"No contact is recorded, so nobody can tell leads that were lost from leads that nobody called. Record contacts: POST /v1/leads/{{lead_id}}/actions, or events call_attempted."
                : $"Of {worked.Length:N0} leads {contacts:N0} were worked: at least {ContactPropensity.FewestPerClass} that were and as many that were not are needed to tell what work does."));
        }

        var follows = RankingQuality.RocAuc(probabilities, Array.ConvertAll(worked, w => w ? 1f : 0f));
        var followsInterval = AucInterval.Of(follows, contacts, worked.Length - contacts);
        var (gap, gapInterval) = Difference(probabilities, worked, labels);
        var without = chances.Count(c => c < EffortWeights.LeastChance) / (double)chances.Length;
        float[] weights = [.. EffortWeights.Of(Array.ConvertAll(worked, w => (bool?)w), chances).Where(w => w > 0).OrderDescending()];
        var effective = EffortWeights.EffectiveRows(weights);
        var heaviest = weights.Take((weights.Length + 9) / 10).Sum(w => (double)w) / weights.Sum(w => (double)w);
        var (verdict, advice) = Judge(follows, followsInterval, gap, gapInterval, without, effective);
        return new EffortCheck(worked.Length, contacts, follows, followsInterval, gap, gapInterval, without, effective, heaviest, verdict, advice);
    }

    private static (EffortVerdict, string) Judge(double follows, Interval interval, double gap, Interval gapInterval, double without, double effective)
    {
        if (Math.Abs(follows - 0.5) < LeastFollowing || (interval.Low <= 0.5 && interval.High >= 0.5)) return (EffortVerdict.Fine, "Who is worked does not follow the score, so a training does not learn its own choices. Nothing to do.");
        if (without > MostWithoutChance || effective < FewestEffective)
        {
            return (EffortVerdict.Explore, Text(
                $"{without:P0} of leads have next to no chance of being worked, and those that were say as much as {effective:N0} leads: nobody can know what the others would have become. Have a few worked whatever their score: PUT /v1/sampling with exploration_share 0.03 or more."));
        }

        if (!(gapInterval.Low > 0)) return (EffortVerdict.Fine, Text($"At equal scores, leads that were worked do not convert more often beyond chance ({100 * gap:0.0} points, {100 * gapInterval.Low:0.0} to {100 * gapInterval.High:0.0}). Nothing to do."));
        return (EffortVerdict.Correct, Text(
            $"At equal scores, leads that were worked convert {100 * gap:0.0} points more often ({100 * gapInterval.Low:0.0} to {100 * gapInterval.High:0.0}), and work follows the score: a training learns whom you called. If every contact is recorded, correct for it: PUT /v1/sampling with correct_for_effort true."));
    }

    /// <summary>Difference of two shares at equal scores.</summary>
    private static (double Gap, Interval Interval) Difference(double[] probabilities, bool[] worked, float[] labels)
    {
        int[] byScore = [.. Enumerable.Range(0, worked.Length).OrderBy(i => probabilities[i]).ThenBy(i => i)];
        double weights = 0, differences = 0, variance = 0;
        for (var s = 0; s < Strata; s++)
        {
            double n1 = 0, a = 0, n0 = 0, b = 0;
            foreach (var i in byScore.AsSpan((int)((long)byScore.Length * s / Strata)..(int)((long)byScore.Length * (s + 1) / Strata)))
            {
                if (worked[i]) (n1, a) = (n1 + 1, a + labels[i]);
                else (n0, b) = (n0 + 1, b + labels[i]);
            }

            if (n1 == 0 || n0 == 0) continue;
            var n = n1 + n0;
            weights += n1 * n0 / n;
            differences += ((a * n0) - (b * n1)) / n;
            variance += ((a * (n1 - a) * n0 * n0 * n0) + (b * (n0 - b) * n1 * n1 * n1)) / (n1 * n0 * n * n);
        }

        if (weights == 0) return (double.NaN, Interval.Undefined);
        var (gap, half) = (differences / weights, Z * Math.Sqrt(variance) / weights);
        return (gap, new Interval(gap - half, gap + half));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
