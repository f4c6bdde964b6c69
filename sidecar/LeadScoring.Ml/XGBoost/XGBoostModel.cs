using System.Globalization;
using System.Runtime.InteropServices;

namespace LeadScoring.Ml.XGBoost;

/// <summary>A trained model inside XGBoost: the reference that tests and benchmarks compare the managed evaluation with.</summary>
/// <remarks>
/// Not for scoring: that is <c>Trees.TreeEnsemble</c>, which needs no native code. Not safe for use from several threads at once.
/// Rounds after the attribute <c>best_iteration</c>, where there is one, are left out, as XGBoost asks of bindings.
/// </remarks>
public sealed class XGBoostModel : IDisposable
{
    private readonly BoosterHandle booster;
    private readonly int roundsUsed;

    private XGBoostModel(BoosterHandle booster, int featureCount, int roundsUsed)
    {
        this.booster = booster;
        this.roundsUsed = roundsUsed;
        FeatureCount = featureCount;
    }

    /// <summary>Columns that a row must have.</summary>
    public int FeatureCount { get; }

    /// <summary>Reads a model.</summary>
    /// <param name="model">XGBoost's JSON (UTF-8), from a source that is trusted: native code parses it.</param>
    /// <param name="threads">Threads of a prediction, at least 1.</param>
    /// <exception cref="XGBoostException">The native library is missing, or refused the model.</exception>
    public static unsafe XGBoostModel Load(ReadOnlySpan<byte> model, int threads = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        XGBoostLibrary.Require();
        var booster = BoosterHandle.Create(null, 0);
        try
        {
            fixed (byte* bytes = model)
                XGBoostException.Check(NativeMethods.XGBoosterLoadModelFromBuffer(booster, bytes, (ulong)model.Length));
            XGBoostException.Check(NativeMethods.XGBoosterSetParam(booster, "nthread", threads.ToString(CultureInfo.InvariantCulture)));
            XGBoostException.Check(NativeMethods.XGBoosterGetNumFeature(booster, out var featureCount));
            return new XGBoostModel(booster, checked((int)featureCount), BestRounds(booster));
        }
        catch
        {
            booster.Dispose();
            throw;
        }
    }

    /// <summary>XGBoost's margins (log-odds for logistic objectives).</summary>
    /// <param name="rows">Row-major, shape (count, <see cref="FeatureCount"/>); NaN = missing; no infinities.</param>
    /// <returns>Shape (count).</returns>
    /// <exception cref="ArgumentException">The shape is wrong, or a value is infinite.</exception>
    /// <exception cref="XGBoostException">XGBoost refused.</exception>
    public float[] PredictMargins(ReadOnlySpan<float> rows) => Predict(rows, 1, 1);

    /// <summary>XGBoost's exact SHAP values (<c>pred_contribs</c>), in margin units.</summary>
    /// <param name="rows">Row-major, shape (count, <see cref="FeatureCount"/>); NaN = missing; no infinities.</param>
    /// <returns>Row-major, shape (count, FeatureCount + 1); the last column is the bias, and a row sums to its margin.</returns>
    /// <exception cref="ArgumentException">The shape is wrong, or a value is infinite.</exception>
    /// <exception cref="XGBoostException">XGBoost refused.</exception>
    public float[] PredictContributions(ReadOnlySpan<float> rows) => Predict(rows, 2, FeatureCount + 1);

    /// <inheritdoc/>
    public void Dispose() => booster.Dispose();

    private unsafe float[] Predict(ReadOnlySpan<float> rows, int type, int width)
    {
        TrainingInput.CheckRows(rows, FeatureCount, nameof(rows));
        using var matrix = DMatrixHandle.Create(rows, FeatureCount, 1);
        var config = string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"type": {{type}}, "training": false, "iteration_begin": 0, "iteration_end": {{roundsUsed}}, "strict_shape": true}""");
        XGBoostException.Check(NativeMethods.XGBoosterPredictFromDMatrix(booster, matrix, config, out var shape, out var dimensions, out var result));
        var length = 1UL;
        for (var i = 0UL; i < dimensions; i++)
            length *= shape[i];
        var expected = rows.Length / FeatureCount * width;
        return length == (ulong)expected
            ? new ReadOnlySpan<float>(result, expected).ToArray()
            : throw new XGBoostException($"XGBoost: {length} numbers came back, {expected} were expected; the model has more than one output.");
    }

    private static int BestRounds(BoosterHandle booster)
    {
        XGBoostException.Check(NativeMethods.XGBoosterGetAttr(booster, "best_iteration", out var text, out var found));
        return found != 0 && int.TryParse(Marshal.PtrToStringUTF8(text), NumberStyles.None, CultureInfo.InvariantCulture, out var best) ? best + 1 : 0;
    }
}
