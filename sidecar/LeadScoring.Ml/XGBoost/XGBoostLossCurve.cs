namespace LeadScoring.Ml.XGBoost;

/// <summary>How the loss on held-out rows develops while a model is boosted: what one number of rounds is chosen by.</summary>
public static class XGBoostLossCurve
{
    /// <summary>Boosts on one part of the rows and measures on another after each round. The model itself is thrown away.</summary>
    /// <param name="rows">Row-major, shape (rowCount, columnCount). NaN = missing; no infinities.</param>
    /// <param name="columnCount">Columns of a row, at least 1.</param>
    /// <param name="labels">Shape (rowCount).</param>
    /// <param name="parameters">How to train; <see cref="XGBoostParameters.Rounds"/> is the longest curve.</param>
    /// <param name="heldOut">Rows to measure on. The curve goes on for its patience beyond its lowest point.</param>
    /// <param name="weights">How many leads each row counts for. Shape (rowCount), or empty for all 1.</param>
    /// <param name="onRound">Called after each round with rounds done and the lowest loss so far; false ends the curve.</param>
    /// <param name="cancellationToken">Looked at before each round.</param>
    /// <returns>The objective's own metric (log loss for binary:logistic) after 1, 2, ... rounds; smaller is better. At least one.</returns>
    /// <exception cref="ArgumentException">A shape, a value or a parameter is wrong.</exception>
    /// <exception cref="XGBoostException">The native library is missing or refused.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static double[] Measure(
        ReadOnlySpan<float> rows, int columnCount, ReadOnlySpan<float> labels, XGBoostParameters parameters, XGBoostValidation heldOut,
        ReadOnlySpan<float> weights = default, Func<int, double, bool>? onRound = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        parameters.Validate();
        TrainingInput.Check(rows, columnCount, labels, weights, parameters);
        TrainingInput.Check(heldOut, columnCount, parameters);
        cancellationToken.ThrowIfCancellationRequested();
        XGBoostLibrary.Require();

        using var matrix = XGBoostTrainer.CreateMatrix(rows, columnCount, labels, weights, parameters.Threads);
        using var judge = XGBoostTrainer.CreateMatrix(heldOut.Rows, columnCount, heldOut.Labels, heldOut.Weights, parameters.Threads);
        using var booster = XGBoostTrainer.CreateBooster(matrix, judge, parameters);
        var curve = new List<double>();
        for (var (round, best, bestRound) = (1, double.PositiveInfinity, 1); round <= parameters.Rounds && round - bestRound <= heldOut.Patience; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            XGBoostException.Check(NativeMethods.XGBoosterUpdateOneIter(booster, round - 1, matrix));
            curve.Add(XGBoostTrainer.Evaluate(booster, round - 1, judge));
            if (curve[^1] < best) (best, bestRound) = (curve[^1], round);
            if (onRound?.Invoke(round, best) == false) break;
        }

        return [.. curve];
    }
}
