using LeadScoring.Ml.Features;
using MathNet.Numerics.LinearAlgebra;

namespace LeadScoring.Ml.Rules;

/// <summary>The profile's points, corrected by the outcomes seen so far: what scores leads between the first outcomes and a model that has proven itself.</summary>
/// <remarks>
/// logit p = a + b * logit(points / 100) + sum of d_r over the rules that hold + c of the lead's segment.
/// Priors: a ~ N(0, 1.5^2), b ~ N(1, 0.5^2), d_r ~ N(0, 0.5^2), c ~ N(0, tau^2) with tau estimated from the data. Without outcomes p is points / 100 exactly; each outcome moves it, and a
/// segment of few leads borrows from the whole. The mode is found by Newton's method, the spread is Laplace's approximation there.
/// Source: Gelman and others (2013), "Bayesian Data Analysis", chapters 4.1, 5.4 and 16.4; the mean over it by MacKay (1992), "The evidence framework applied to classification networks", equation 10.
/// </remarks>
public sealed class RulePosterior
{
    /// <summary>Levels of the segment that get an offset of their own; rarer ones share the whole's.</summary>
    public const int MaxSegments = 100;

    private const double InterceptDeviation = 1.5;
    private const double SlopeDeviation = 0.5;
    private const double RuleDeviation = 0.5;
    private const double FirstSegmentDeviation = 0.5;
    private const double LeastSegmentDeviation = 0.01;
    private const int MaxNewtonSteps = 50;
    private const int SegmentRounds = 10;
    private const int Fixed = 2;

    // 95th percentile of the standard normal distribution: half of a 90 % interval.
    private const double NinetyPercent = 1.6448536269514722;

    private readonly FeatureProfile profile;
    private readonly RulePosteriorState state;
    private readonly Dictionary<string, int> segments;
    private readonly int segmentFeature;
    private readonly Matrix<double> covariance;

    /// <param name="profile">Profile with the rules that the state was fitted for.</param>
    /// <param name="state">What was learned.</param>
    /// <exception cref="ArgumentException">The state belongs to other rules, or holds numbers that are not finite.</exception>
    public RulePosterior(FeatureProfile profile, RulePosteriorState state)
    {
        if (state.RulesHash != profile.RulesHash) throw new ArgumentException("the state was learned for other rules", nameof(state));
        var size = Fixed + profile.Rules.Count + state.Segments.Count;
        if (state.Mean.Length != size || state.Covariance.Length != size * size) throw new ArgumentException($"the state does not have {size} coefficients", nameof(state));
        if (state.Mean.Concat(state.Covariance).Any(x => !double.IsFinite(x))) throw new ArgumentException("the state holds numbers that are not finite", nameof(state));
        (this.profile, this.state) = (profile, state);
        segments = state.Segments.Select((s, i) => (s, i)).ToDictionary(p => p.s, p => p.i, StringComparer.Ordinal);
        segmentFeature = state.SegmentFeature is { } name ? profile.IndexOf(name) : -1;
        covariance = Matrix<double>.Build.Dense(size, size, state.Covariance);
    }

    /// <summary>What was learned; to be stored.</summary>
    public RulePosteriorState State => state;

    /// <summary>One lead's probability with its spread.</summary>
    /// <param name="Probability">At the posterior's mode, in (0, 1): without outcomes the points / 100.</param>
    /// <param name="Mean">Mean over the posterior, nearer to a half the less is known: what a decision is right with.</param>
    /// <param name="Low">5th percentile of the posterior.</param>
    /// <param name="High">95th percentile.</param>
    /// <param name="BaseLogOdds">Log-odds of a lead for which no rule holds.</param>
    public readonly record struct Estimate(double Probability, double Mean, double Low, double High, double BaseLogOdds);

    /// <summary>Scores one lead.</summary>
    /// <param name="values">One value a feature, in the profile's order.</param>
    /// <param name="contributions">Receives what each feature adds to the log-odds, summing with <see cref="Estimate.BaseLogOdds"/> to those of the lead's mode. Length: features; may be empty.</param>
    public Estimate Score(ReadOnlySpan<FeatureValue> values, Span<double> contributions = default)
    {
        var x = Row(profile, values, segments, segmentFeature, state.Mean.Length);
        double mode = 0;
        for (var i = 0; i < x.Count; i++) mode += x[i] * state.Mean[i];
        var deviation = Math.Sqrt(Math.Max(0, x * (covariance * x)));
        var start = LogOdds(Math.Round(Math.Clamp(profile.StartPoints, 1, 99), 1));
        var baseLogOdds = state.Mean[0] + (state.Mean[1] * start);
        if (!contributions.IsEmpty) Contribute(values, x, start, contributions);
        return new Estimate(
            Sigmoid(mode), Sigmoid(mode / Math.Sqrt(1 + (Math.PI * deviation * deviation / 8))), Sigmoid(mode - (NinetyPercent * deviation)), Sigmoid(mode + (NinetyPercent * deviation)), baseLogOdds);
    }

    /// <summary>Learns from outcomes.</summary>
    /// <param name="profile">Profile with start points, rules and perhaps a segment feature.</param>
    /// <param name="values">Row-major (rows, features).</param>
    /// <param name="labels">1 = converted, 0 = not. Length rows; may be empty: then it is the prior.</param>
    /// <exception cref="ArgumentException">Lengths do not fit, or a label is not 0 or 1.</exception>
    public static RulePosterior Fit(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, ReadOnlySpan<float> labels)
    {
        var width = profile.Features.Count;
        if (values.Length != (long)labels.Length * width) throw new ArgumentException($"{values.Length} values do not make {labels.Length} rows of {width} features", nameof(values));
        var segmentFeature = profile.Segment is { } segment ? profile.IndexOf(segment) : -1;
        var levels = Levels(values, width, segmentFeature);
        var index = levels.Select((s, i) => (s, i)).ToDictionary(p => p.s, p => p.i, StringComparer.Ordinal);
        var size = Fixed + profile.Rules.Count + levels.Count;
        var rows = new Vector<double>[labels.Length];
        var y = new double[labels.Length];
        for (var r = 0; r < rows.Length; r++)
        {
            if (labels[r] is not (0f or 1f)) throw new ArgumentException($"label of row {r} is {labels[r]}, not 0 or 1", nameof(labels));
            rows[r] = Row(profile, values.Slice(r * width, width), index, segmentFeature, size);
            y[r] = labels[r];
        }

        var x = rows.Length == 0 ? Matrix<double>.Build.Dense(1, size) : Matrix<double>.Build.DenseOfRowVectors(rows);
        var deviation = FirstSegmentDeviation;
        var (mean, covariance) = Mode(x, y, size, levels.Count, deviation);
        // Empirical Bayes for the segments' spread: its expected square under the posterior, until it stays (EM; Gelman and others, section 13.6).
        for (var round = 0; round < SegmentRounds && levels.Count > 0 && y.Length > 0; round++)
        {
            double squares = 0;
            for (var i = size - levels.Count; i < size; i++) squares += (mean[i] * mean[i]) + covariance[i, i];
            var next = Math.Max(LeastSegmentDeviation, Math.Sqrt(squares / levels.Count));
            var moved = Math.Abs(next - deviation);
            deviation = next;
            (mean, covariance) = Mode(x, y, size, levels.Count, deviation);
            if (moved < 1e-4) break;
        }

        var converted = (int)y.Sum();
        return new RulePosterior(profile, new RulePosteriorState(
            profile.RulesHash, segmentFeature < 0 ? null : profile.Segment, levels, mean.ToArray(), covariance.ToColumnMajorArray(), y.Length, converted));
    }

    private static (Vector<double> Mean, Matrix<double> Covariance) Mode(Matrix<double> x, double[] y, int size, int levels, double segmentDeviation)
    {
        var prior = Vector<double>.Build.Dense(size);
        prior[1] = 1;
        var precision = Vector<double>.Build.Dense(size, i =>
            i == 0 ? 1 / (InterceptDeviation * InterceptDeviation) : i == 1 ? 1 / (SlopeDeviation * SlopeDeviation)
            : i < size - levels ? 1 / (RuleDeviation * RuleDeviation) : 1 / (segmentDeviation * segmentDeviation));
        var mean = prior.Clone();
        var loss = Loss(x, y, mean, prior, precision);
        for (var step = 0; step < MaxNewtonSteps; step++)
        {
            var (gradient, hessian) = Derivatives(x, y, mean, prior, precision);
            var direction = hessian.Cholesky().Solve(gradient);
            var scale = 1.0;
            var next = mean - direction;
            // The loss is convex: a step that is too long is halved until it goes down.
            for (var halving = 0; halving < 30 && Loss(x, y, next, prior, precision) > loss; halving++)
            {
                scale /= 2;
                next = mean - (scale * direction);
            }

            mean = next;
            var lower = Loss(x, y, mean, prior, precision);
            if (loss - lower <= 1e-10 * (1 + Math.Abs(loss))) break;
            loss = lower;
        }

        return (mean, Derivatives(x, y, mean, prior, precision).Hessian.Cholesky().Solve(Matrix<double>.Build.DenseIdentity(size)));
    }

    private static double Loss(Matrix<double> x, double[] y, Vector<double> mean, Vector<double> prior, Vector<double> precision)
    {
        var away = mean - prior;
        var loss = 0.5 * precision.PointwiseMultiply(away).DotProduct(away);
        if (y.Length == 0) return loss;
        var margins = x * mean;
        // log(1 + e^-z) without overflow, z the margin on the right side of the outcome.
        for (var r = 0; r < y.Length; r++)
        {
            var z = y[r] == 1 ? margins[r] : -margins[r];
            loss += z > 0 ? Math.Log(1 + Math.Exp(-z)) : -z + Math.Log(1 + Math.Exp(z));
        }

        return loss;
    }

    private static (Vector<double> Gradient, Matrix<double> Hessian) Derivatives(Matrix<double> x, double[] y, Vector<double> mean, Vector<double> prior, Vector<double> precision)
    {
        var gradient = precision.PointwiseMultiply(mean - prior);
        var hessian = Matrix<double>.Build.DiagonalOfDiagonalVector(precision);
        if (y.Length == 0) return (gradient, hessian);
        var p = (x * mean).Map(Sigmoid);
        var weighted = x.Clone();
        for (var r = 0; r < y.Length; r++) weighted.SetRow(r, x.Row(r) * (p[r] * (1 - p[r])));
        return (gradient + x.TransposeThisAndMultiply(p - Vector<double>.Build.Dense(y)), hessian + x.TransposeThisAndMultiply(weighted));
    }

    /// <summary>1, logit of the points, one indicator a rule, one a segment.</summary>
    private static Vector<double> Row(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, Dictionary<string, int> segments, int segmentFeature, int size)
    {
        var row = Vector<double>.Build.Dense(size);
        row[0] = 1;
        row[1] = LogOdds(RuleScorer.Points(profile, values));
        for (var r = 0; r < profile.Rules.Count; r++)
        {
            if (profile.Rules[r].When.Holds(values[profile.IndexOf(profile.Rules[r].When.Feature)])) row[Fixed + r] = 1;
        }

        if (segmentFeature >= 0 && values[segmentFeature].Level is { } level && segments.TryGetValue(level, out var s)) row[Fixed + profile.Rules.Count + s] = 1;
        return row;
    }

    /// <summary>The common part b * (logit of the points - that of none) is dealt out by the points that each rule gave.</summary>
    private void Contribute(ReadOnlySpan<FeatureValue> values, Vector<double> x, double start, Span<double> contributions)
    {
        contributions.Clear();
        double given = 0;
        for (var r = 0; r < profile.Rules.Count; r++) given += x[Fixed + r] * profile.Rules[r].Points;
        var common = state.Mean[1] * (x[1] - start);
        var held = 0;
        for (var r = 0; r < profile.Rules.Count; r++) held += x[Fixed + r] == 1 ? 1 : 0;
        for (var r = 0; r < profile.Rules.Count; r++)
        {
            if (x[Fixed + r] == 0) continue;
            // Points that cancel each other leave no proportion: then all rules that hold share alike.
            var share = Math.Abs(given) > 1e-9 ? profile.Rules[r].Points / given : 1.0 / held;
            contributions[profile.IndexOf(profile.Rules[r].When.Feature)] += state.Mean[Fixed + r] + (common * share);
        }

        if (segmentFeature >= 0 && values[segmentFeature].Level is { } level && segments.TryGetValue(level, out var s))
            contributions[segmentFeature] += state.Mean[Fixed + profile.Rules.Count + s];
    }

    private static List<string> Levels(ReadOnlySpan<FeatureValue> values, int width, int segmentFeature)
    {
        if (segmentFeature < 0) return [];
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = segmentFeature; i < values.Length; i += width)
        {
            if (values[i].Level is { } level) counts[level] = counts.GetValueOrDefault(level) + 1;
        }

        return [.. counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Take(MaxSegments).Select(c => c.Key)];
    }

    private static double LogOdds(double points) => Math.Log(points / (100 - points));

    private static double Sigmoid(double margin) => 1 / (1 + Math.Exp(-margin));
}

/// <summary>What was learned about a profile's rules.</summary>
/// <param name="RulesHash"><see cref="FeatureProfile.RulesHash"/> of the rules.</param>
/// <param name="SegmentFeature">Feature whose levels have offsets; null when there is none.</param>
/// <param name="Segments">Its levels, the most frequent first.</param>
/// <param name="Mean">Posterior mode: intercept, slope, one a rule, one a segment.</param>
/// <param name="Covariance">Square, column-major, of the same order.</param>
/// <param name="Outcomes">Outcomes learned from.</param>
/// <param name="Converted">Conversions among them.</param>
public sealed record RulePosteriorState(string RulesHash, string? SegmentFeature, IReadOnlyList<string> Segments, double[] Mean, double[] Covariance, int Outcomes, int Converted);
