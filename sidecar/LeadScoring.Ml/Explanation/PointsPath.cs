using LeadScoring.Ml.Ensemble;

namespace LeadScoring.Ml.Explanation;

/// <summary>Turns log-odds of the members into score points.</summary>
/// <remarks>
/// All margins move at once on the straight line from base to lead, and each member gets, at every step, the part of the score's change that its
/// probability made: score = 100 x isotonic(weighted average of sigmoids), integrated along the path (Aumann and Shapley 1974, "Values of Non-Atomic
/// Games"; Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", section 3). A member that saturates early on the way gets less
/// for its last log-odds than for its first. Slopes are not negative (all maps rise), so a contribution keeps its sign within a member. The steps
/// telescope: base plus all points is the score, to rounding. Against sampled Shapley values the ranking is as good with one step (secants); the path
/// is for what members get of each other's change.
/// </remarks>
internal static class PointsPath
{
    /// <summary>Fine enough that more steps change no point by more than 0.05 in the tests.</summary>
    internal const int DefaultSteps = 32;

    /// <param name="model">Weights, sigmoids and isotonic map.</param>
    /// <param name="bases">Margin of each member at the base. Length 4.</param>
    /// <param name="deltas">Margin of the lead less that of the base. Length 4.</param>
    /// <param name="slopes">Receives points a unit of log-odds, for each member. Length 4.</param>
    /// <param name="steps">Steps of the path, at least 1.</param>
    /// <returns>Points of the base.</returns>
    internal static double Slopes(EnsembleModel model, ReadOnlySpan<double> bases, ReadOnlySpan<double> deltas, Span<double> slopes, int steps = DefaultSteps)
    {
        var w = model.Weights;
        var sum = w.GradientBoosting + w.RandomForest + w.Network + w.Regression;
        Span<double> weights = [w.GradientBoosting / sum, w.RandomForest / sum, w.Network / sum, w.Regression / sum];
        Span<double> before = stackalloc double[EnsembleModel.Members];
        Span<double> after = stackalloc double[EnsembleModel.Members];
        slopes.Clear();
        Probabilities(model, bases, deltas, 0, before);
        var average = w.Average(before);
        var basePoints = 100 * model.Calibrate(average);
        var points = basePoints;
        for (var step = 1; step <= steps; step++)
        {
            Probabilities(model, bases, deltas, step / (double)steps, after);
            var nextAverage = w.Average(after);
            var next = 100 * model.Calibrate(nextAverage);
            var change = nextAverage - average;
            // Members that cancel each other leave next to nothing to divide by: the slope of the map itself instead.
            var slope = Math.Abs(change) > 1e-9 ? (next - points) / change : LocalSlope(model, average);
            for (var m = 0; m < slopes.Length; m++) slopes[m] += slope * weights[m] * (after[m] - before[m]);
            after.CopyTo(before);
            (average, points) = (nextAverage, next);
        }

        for (var m = 0; m < slopes.Length; m++) slopes[m] = Math.Abs(deltas[m]) > 1e-9 ? slopes[m] / deltas[m] : 0;
        return basePoints;
    }

    private static void Probabilities(EnsembleModel model, ReadOnlySpan<double> bases, ReadOnlySpan<double> deltas, double at, Span<double> probabilities)
    {
        probabilities[(int)Member.GradientBoosting] = model.GradientBoosting.Probability((float)(bases[0] + (at * deltas[0])));
        probabilities[(int)Member.RandomForest] = model.RandomForest.Probability((float)(bases[1] + (at * deltas[1])));
        probabilities[(int)Member.Network] = Sigmoid(bases[2] + (at * deltas[2]));
        probabilities[(int)Member.Regression] = Sigmoid(bases[3] + (at * deltas[3]));
    }

    private static double LocalSlope(EnsembleModel model, double average)
    {
        var (low, high) = (Math.Max(0, average - 1e-4), Math.Min(1, average + 1e-4));
        return 100 * (model.Calibrate(high) - model.Calibrate(low)) / (high - low);
    }

    private static double Sigmoid(double margin) => 1 / (1 + Math.Exp(-margin));
}
