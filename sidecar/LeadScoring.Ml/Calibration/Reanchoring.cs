using System.Globalization;
using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Calibration;

/// <summary>Moves probabilities to the present with recent outcomes, and says when even that does not help.</summary>
/// <remarks>
/// <para>
/// Logistic recalibration (Cox 1958, "Two Further Applications of a Model for Binary Regression"): logit p' = slope x logit p + intercept. The intercept is drawn to 0 by a normal
/// prior of deviation <see cref="InterceptDeviation"/>, so that a handful of outcomes moves little; the slope is fitted only where a likelihood-ratio test asks for it, and drawn to 1.
/// </para>
/// <para>
/// Which anchor to take is decided without looking ahead: recent outcomes are cut in half by time, and each way (leave as is, anchor by the older half, EM on the newer half without its
/// outcomes) is judged by its log loss on the newer half. The winner is then made anew from all that is known now.
/// </para>
/// </remarks>
public static class Reanchoring
{
    /// <summary>Prior deviation of the intercept in log-odds: between two trainings odds rarely move by more than a factor of e.</summary>
    public const double InterceptDeviation = 0.5;

    /// <summary>Prior deviation of the slope from 1.</summary>
    public const double SlopeDeviation = 0.25;

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

    /// <summary>Fits intercept, and slope where the outcomes ask for it.</summary>
    /// <param name="probabilities">Calibrated, in [0, 1]. Shape (rows,).</param>
    /// <param name="labels">1 or 0. Shape (rows,). One class only is fine: the prior keeps the intercept finite.</param>
    /// <returns>An anchor without verdict.</returns>
    /// <exception cref="ArgumentException">No rows, or lengths differ.</exception>
    public static Anchor Fit(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        var z = Margins(probabilities, labels);
        var flat = Newton(z, labels, withSlope: false, shrunk: false);
        var sloped = Newton(z, labels, withSlope: true, shrunk: false);
        var withSlope = P(2 * (flat.Loss - sloped.Loss), 1) < Significance;
        var fit = Newton(z, labels, withSlope, shrunk: true);
        // A slope of 0 or less would turn the order of leads round: calibration may not do that.
        var anchor = new Anchor { Slope = Math.Max(0.05, fit.Slope), Intercept = fit.Intercept, Method = AnchorMethod.Outcomes, Verdict = AnchorVerdict.Reanchored };
        return WithRates(anchor, probabilities);
    }

    /// <summary>Decides on the anchor.</summary>
    /// <param name="probabilities">Probabilities of recent leads with matured outcomes, as the model gives them, in order of time. Shape (rows,).</param>
    /// <param name="labels">Their outcomes, 1 or 0. Shape (rows,).</param>
    /// <param name="unlabeled">Probabilities of the leads of today, without outcomes; may be empty.</param>
    /// <param name="trainingRate">Base rate that the model was calibrated for, in (0, 1).</param>
    /// <param name="seed">Seed of the simulations.</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static Anchor Decide(double[] probabilities, float[] labels, double[] unlabeled, double trainingRate, int seed)
    {
        if (probabilities.Length != labels.Length) throw new ArgumentException($"{probabilities.Length} probabilities for {labels.Length} outcomes");
        var conversions = labels.Count(y => y == 1);
        var evidence = new AnchorEvidence { Rows = labels.Length, Conversions = conversions };
        if (labels.Length < FewestRows || Math.Min(conversions, labels.Length - conversions) < FewestPerClass)
            return new Anchor { Evidence = evidence with { Reason = Text($"{labels.Length:N0} matured recent outcomes, {conversions:N0} of them conversions: at least {FewestRows} and {FewestPerClass} of each kind are needed to judge the calibration.{Hint(unlabeled, trainingRate)}") } };

        var z = Margins(probabilities, labels);
        var asIs = Loss(z, labels, 0, 1);
        var free = Newton(z, labels, withSlope: true, shrunk: false);
        // Three standard errors cost nothing more: the curvature at the optimum is there already.
        evidence = evidence with { P = P(2 * (asIs - free.Loss), 2), Slope = free.Slope, SlopeHigh = free.Slope + (1.96 * free.SlopeError) };
        var half = labels.Length / 2;
        var (older, newer) = (probabilities[..half], probabilities[half..]);
        var (olderLabels, newerLabels) = (labels[..half], labels[half..]);
        Anchor[] ways = [Anchor.Identity, Fit(older, olderLabels), ByEm(newer, trainingRate)];
        double[] losses = [.. ways.Select(w => Loss(Margins(Apply(w, newer), newerLabels), newerLabels, 0, 1) / newerLabels.Length)];
        var best = Array.IndexOf(losses, losses.Min());
        evidence = evidence with
        {
            LogLossBefore = losses[0], LogLossByOutcomes = losses[1], LogLossByEm = losses[2], EceBefore = Metric(newer, newerLabels), EceAfter = Metric(Apply(ways[best], newer), newerLabels),
        };
        evidence = evidence with { EceAfterLow = BeyondChance(Apply(ways[best], newer), evidence.EceAfter, seed) };
        var anchor = evidence.P >= Significance || best == 0 ? WithRates(Anchor.Identity, probabilities)
            : best == 1 || unlabeled.Length < FewestRows ? Fit(probabilities, labels) : ByEm(unlabeled, trainingRate);
        return Judge(anchor, evidence);
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
                ? evidence.P >= Significance ? "the calibration holds on recent outcomes" : "recent outcomes are off, but no anchor does better on the newest of them than leaving the probabilities as they are"
                : anchor.Method == AnchorMethod.Em ? "the base rate has moved; EM on the leads of today follows it best" : "the base rate has moved; anchored to recent outcomes";
            return anchor with { Evidence = evidence with { Reason = Text($"{what} (p = {evidence.P:0.0000}; calibration error of the newest half {evidence.EceBefore:0.000}, anchored {evidence.EceAfter:0.000}).") } };
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

    private static double[] Apply(Anchor anchor, double[] probabilities) => Array.ConvertAll(probabilities, anchor.Apply);

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

    private static double[] Margins(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        if (probabilities.IsEmpty || probabilities.Length != labels.Length) throw new ArgumentException($"{probabilities.Length} probabilities for {labels.Length} outcomes");
        var z = new double[probabilities.Length];
        for (var i = 0; i < z.Length; i++) z[i] = PriorShift.LogOdds(Math.Clamp(probabilities[i], Edge, 1 - Edge));
        return z;
    }

    /// <summary>Sum of the negative log-likelihoods.</summary>
    private static double Loss(double[] z, ReadOnlySpan<float> labels, double intercept, double slope)
    {
        double loss = 0;
        for (var i = 0; i < z.Length; i++)
        {
            var m = intercept + (slope * z[i]);
            // log(1 + e^m) without overflow.
            loss += Math.Max(m, 0) + Math.Log(1 + Math.Exp(-Math.Abs(m))) - (labels[i] * m);
        }

        return loss;
    }

    private readonly record struct Solution(double Intercept, double Slope, double SlopeError, double Loss);

    private static Solution Newton(double[] z, ReadOnlySpan<float> labels, bool withSlope, bool shrunk)
    {
        // Without the priors a breath of a penalty stays: one class only has its optimum at infinity.
        double ra = shrunk ? 1 / (InterceptDeviation * InterceptDeviation) : 1e-3, rb = shrunk ? 1 / (SlopeDeviation * SlopeDeviation) : 1e-3;
        double a = 0, b = 1, error = double.NaN;
        var penalized = double.PositiveInfinity;
        for (var step = 0; step < 100; step++)
        {
            double ga = ra * a, gb = rb * (b - 1), haa = ra, hab = 0, hbb = rb;
            for (var i = 0; i < z.Length; i++)
            {
                var p = 1 / (1 + Math.Exp(-(a + (b * z[i]))));
                double off = p - labels[i], w = p * (1 - p);
                ga += off;
                gb += off * z[i];
                haa += w;
                hab += w * z[i];
                hbb += w * z[i] * z[i];
            }

            var determinant = (haa * hbb) - (hab * hab);
            error = Math.Sqrt(haa / determinant);
            var (da, db) = withSlope ? (((hbb * ga) - (hab * gb)) / determinant, ((haa * gb) - (hab * ga)) / determinant) : (ga / haa, 0.0);
            var scale = 1.0;
            double value;
            while (true)
            {
                double na = a - (scale * da), nb = b - (scale * db);
                value = Loss(z, labels, na, nb) + (ra * na * na / 2) + (rb * (nb - 1) * (nb - 1) / 2);
                if (value <= penalized || scale < 1e-6) break;
                scale /= 2;
            }

            (a, b) = (a - (scale * da), b - (scale * db));
            if (Math.Abs(scale * da) + Math.Abs(scale * db) < 1e-10) break;
            penalized = value;
        }

        return new Solution(a, b, error, Loss(z, labels, a, b));
    }

    private static double P(double statistic, int degrees) => 1 - ChiSquared.CDF(degrees, Math.Max(0, statistic));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
