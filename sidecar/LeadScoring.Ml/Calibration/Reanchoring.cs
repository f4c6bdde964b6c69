using System.Globalization;
using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Calibration;

/// <summary>Moves probabilities to the present with matured outcomes, and says when even that does not help.</summary>
/// <remarks>
/// <para>
/// Logistic recalibration (Cox 1958): logit p' = slope x logit p + intercept, followed through the outcomes in their order (<see cref="AnchorWalk"/>). How many outcomes are looked back on, and whether the slope moves,
/// is settled by what would have foreseen the newest ones best (<see cref="RecalibrationMixture"/>); the same walk teaches the width of the intervals (<see cref="IntervalWidth"/>).
/// </para>
/// <para>
/// EM on leads without outcomes takes over only where it would have done better, on the newer half of the latest outcomes, than both the walk and leaving probabilities as they are.
/// </para>
/// </remarks>
public static class Reanchoring
{
    /// <summary>Prior deviation of the intercept in log-odds: between two trainings odds rarely move by more than a factor of e.</summary>
    public const double InterceptDeviation = 0.5;

    /// <summary>Prior deviation of the slope from 1.</summary>
    public const double SlopeDeviation = 0.25;

    /// <summary>Outcomes, the newest, that verdicts rest on: enough to judge by, few enough to be of today.</summary>
    public const int RecentRows = 2_000;

    /// <summary>Fewest recent outcomes.</summary>
    public const int FewestRows = 200;

    /// <summary>Fewest recent outcomes of each kind.</summary>
    public const int FewestPerClass = 20;

    /// <summary>Below this p a departure is taken for real.</summary>
    public const double Significance = 0.01;

    /// <summary>Calibration error beyond chance, after re-anchoring, from which on only the order is given out.</summary>
    public const double RankOnlyError = 0.05;

    /// <summary>Slope below which the score says less than half of what it did: a change of concept, no matter of calibration.</summary>
    public const double RankOnlySlope = 0.5;

    private const int Simulations = 200;
    private const double Edge = 1e-6;

    /// <summary>Decides on the anchor.</summary>
    /// <param name="outcomes">Leads with matured outcomes, none of them seen by the model.</param>
    /// <param name="unlabeled">Probabilities of the leads of today, without outcomes; may be empty.</param>
    /// <param name="trainingRate">Base rate that the model was calibrated for, in (0, 1).</param>
    /// <param name="seed">Seed of the simulations.</param>
    /// <exception cref="ArgumentException">Lengths differ, or outcomes are not in order.</exception>
    public static Anchor Decide(MaturedOutcomes outcomes, double[] unlabeled, double trainingRate, int seed)
    {
        outcomes.Validate();
        var labels = outcomes.Labels;
        var conversions = labels.Count(y => y == 1);
        var evidence = new AnchorEvidence { Rows = labels.Length, Conversions = conversions };
        if (labels.Length < FewestRows || Math.Min(conversions, labels.Length - conversions) < FewestPerClass)
            return new Anchor { Evidence = evidence with { Reason = Text($"{labels.Length:N0} matured recent outcomes, {conversions:N0} of them conversions: at least {FewestRows} and {FewestPerClass} of each kind are needed to judge the calibration.{Hint(unlabeled, trainingRate)}") } };

        var walk = AnchorWalk.Through(outcomes);
        evidence = evidence with { Memory = Math.Round(walk.Memory), IntervalGroups = walk.Coverage.Groups, IntervalsHeld = walk.Coverage.Inside };
        var recent = Math.Max(0, labels.Length - RecentRows);
        var (z, y) = (walk.LogOdds[recent..], labels[recent..]);
        // A breath of a prior: one class only has its optimum at infinity.
        var free = new LogOddsLine(0, 1, 1e-3, 0, 1e-3).After(z, y, withSlope: true);
        var p = P(2 * (new LogOddsLine(0, 1, 0, 0, 0).Loss(z, y) - free.Loss(z, y)), 2);
        // Three standard errors cost nothing more: the curvature at the optimum is there already.
        evidence = evidence with { P = p, Slope = free.Slope, SlopeLow = free.Slope - (1.96 * free.SlopeError), SlopeHigh = free.Slope + (1.96 * free.SlopeError) };
        var newer = recent + (y.Length / 2);
        return Judge(Choose(outcomes, walk, newer, unlabeled, trainingRate, ref evidence, seed), evidence);
    }

    /// <summary>What the walk came to, or EM where it would have done better on the newer half of the latest outcomes.</summary>
    private static Anchor Choose(MaturedOutcomes outcomes, AnchorWalk walk, int newer, double[] unlabeled, double trainingRate, ref AnchorEvidence evidence, int seed)
    {
        var labels = outcomes.Labels[newer..];
        var asIs = outcomes.Probabilities[newer..];
        var byEm = ByEm(asIs, trainingRate);
        double[][] ways = [asIs, walk.Foreseen[newer..], Array.ConvertAll(asIs, byEm.Apply)];
        double[] losses = [.. ways.Select(w => LogLoss(w, labels))];
        var em = byEm.Method == AnchorMethod.Em && losses[2] < Math.Min(losses[0], losses[1]) && evidence.P < Significance && unlabeled.Length >= FewestRows;
        var taken = ways[em ? 2 : 1];
        evidence = evidence with
        {
            LogLossBefore = losses[0], LogLossByOutcomes = losses[1], LogLossByEm = losses[2], EceBefore = Metric(asIs, labels), EceAfter = Metric(taken, labels),
        };
        evidence = evidence with { EceAfterLow = BeyondChance(taken, evidence.EceAfter, seed) };
        if (em && ByEm(unlabeled, trainingRate) is { Method: AnchorMethod.Em } anchor) return anchor with { PeriodHalfWidth = walk.Anchor.PeriodHalfWidth };
        return WithRates(walk.Anchor.IsIdentity ? walk.Anchor : walk.Anchor with { Method = AnchorMethod.Outcomes, Verdict = AnchorVerdict.Reanchored }, outcomes.Probabilities.AsSpan(^Math.Min(RecentRows, outcomes.Probabilities.Length)..));
    }

    /// <summary>The anchor that EM gives on leads without outcomes.</summary>
    /// <param name="probabilities">Of recent leads.</param>
    /// <param name="trainingRate">Base rate that they are calibrated for.</param>
    public static Anchor ByEm(ReadOnlySpan<double> probabilities, double trainingRate)
    {
        var shift = PriorShift.Estimate(probabilities, trainingRate);
        return shift.P >= Significance || !shift.IsPlausible
            ? WithRates(Anchor.Identity, probabilities)
            : WithRates(new Anchor { Intercept = shift.Intercept, Method = AnchorMethod.Em, Verdict = AnchorVerdict.Reanchored }, probabilities);
    }

    private static Anchor Judge(Anchor anchor, AnchorEvidence evidence)
    {
        var concept = evidence.SlopeHigh < RankOnlySlope;
        if (!concept && !(evidence.EceAfterLow > RankOnlyError))
        {
            var what = anchor.Verdict == AnchorVerdict.None
                ? evidence.P >= Significance ? "the calibration holds on recent outcomes" : "recent outcomes are off, but no anchor foresees them better than leaving the probabilities as they are"
                : anchor.Method == AnchorMethod.Em ? "the base rate has moved; EM on the leads of today follows it best"
                : Text($"the base rate has moved; anchored to recent outcomes, looking back on about {evidence.Memory:N0}");
            return anchor with { Evidence = evidence with { Reason = Text($"{what} (p = {evidence.P:0.0000}; calibration error of the newest {evidence.EceBefore:0.000}, anchored {evidence.EceAfter:0.000}).") } };
        }

        if (concept && evidence.SlopeLow <= 0)
        {
            return anchor with
            {
                Verdict = AnchorVerdict.RankingLost,
                Evidence = evidence with { Reason = Text($"the ranking is lost: outcomes do not follow the score any more (strength {evidence.Slope:0.00} of the training's, at most {evidence.SlopeHigh:0.00}). Probabilities are drawn to the present base rate; neither they nor the order of leads tell leads apart. Train anew.") },
            };
        }

        var why = concept
            ? Text($"outcomes follow the score at {evidence.Slope:0.00} of the strength of the training (at most {evidence.SlopeHigh:0.00}): what leads to a conversion has changed. Train anew.")
            : Text($"even re-anchored the probabilities are off by at least {evidence.EceAfterLow:0.000} beyond chance on the newest outcomes. Use the order of leads only, and train anew.");
        return anchor with { Verdict = AnchorVerdict.RankOnly, Evidence = evidence with { Reason = why } };
    }

    private static string Hint(double[] unlabeled, double trainingRate)
    {
        if (unlabeled.Length < FewestRows) return "";
        var shift = PriorShift.Estimate(unlabeled, trainingRate);
        return shift.P >= Significance || !shift.IsPlausible ? "" : Text($" The {unlabeled.Length:N0} leads without outcomes hint at a base rate of {shift.To:0.000} instead of {shift.From:0.000}; not acted on, as no outcome confirms it.");
    }

    /// <summary>What of a calibration error is left when 97.5 of 100 calibrated models with these probabilities would show less than the rest.</summary>
    private static double BeyondChance(double[] probabilities, double error, int seed)
    {
        // Broecker and Smith (2007), "Increasing the Reliability of Reliability Diagrams": consistency resampling.
        var random = new Random(seed);
        var errors = new double[Simulations];
        var drawn = new float[probabilities.Length];
        for (var s = 0; s < Simulations; s++)
        {
            for (var i = 0; i < drawn.Length; i++) drawn[i] = random.NextDouble() < probabilities[i] ? 1 : 0;
            errors[s] = Metric(probabilities, drawn);
        }

        Array.Sort(errors);
        return Math.Max(0, error - errors[(int)(0.975 * Simulations)]);
    }

    private static double Metric(double[] probabilities, float[] labels)
    {
        // The expected calibration error over ten equal bins, as LeadScoring.Ml.Metrics measures it; calibration knows nothing of metrics.
        Span<double> off = stackalloc double[10];
        off.Clear();
        for (var i = 0; i < labels.Length; i++) off[Math.Clamp((int)Math.Ceiling(probabilities[i] * 10) - 1, 0, 9)] += probabilities[i] - labels[i];
        double sum = 0;
        foreach (var bin in off) sum += Math.Abs(bin);
        return sum / labels.Length;
    }

    private static double LogLoss(double[] probabilities, float[] labels)
    {
        double loss = 0;
        for (var i = 0; i < labels.Length; i++) loss -= Math.Log(Math.Clamp(labels[i] == 1 ? probabilities[i] : 1 - probabilities[i], Edge, 1));
        return loss / labels.Length;
    }

    private static Anchor WithRates(Anchor anchor, ReadOnlySpan<double> probabilities)
    {
        double from = 0, to = 0;
        foreach (var p in probabilities)
        {
            from += p / probabilities.Length;
            to += anchor.Apply(p) / probabilities.Length;
        }

        return anchor with { FromRate = from, ToRate = to };
    }

    private static double P(double statistic, int degrees) => 1 - ChiSquared.CDF(degrees, Math.Max(0, statistic));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
