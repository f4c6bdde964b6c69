using System.Globalization;
using System.Runtime.InteropServices;

namespace LeadScoring.Ml.XGBoost;

/// <summary>Trains a tree model with XGBoost itself.</summary>
/// <remarks>
/// Safe to call from several threads at once, each training its own model; use <see cref="XGBoostParameters.Threads"/> = 1 then.
/// XGBoost's random generator belongs to the thread, so a callback must not train another model on the thread it is called on.
/// </remarks>
public static class XGBoostTrainer
{
    /// <summary>Trains, and returns the model as XGBoost's own JSON in UTF-8.</summary>
    /// <param name="rows">Row-major, shape (rowCount, columnCount). NaN = missing. Infinities are refused: clip or drop them before.</param>
    /// <param name="columnCount">Columns of a row, at least 1.</param>
    /// <param name="labels">Shape (rowCount). In [0, 1] for logistic objectives, finite otherwise.</param>
    /// <param name="weights">Shape (rowCount), finite, at least 0, not all 0; or empty for equal weights.</param>
    /// <param name="parameters">How to train; validated here.</param>
    /// <param name="onRound">Called after each round with the number of rounds done (from 1); false stops, and the model so far is returned.</param>
    /// <param name="validation">When given, training stops early and only the rounds up to the best one are returned.</param>
    /// <param name="cancellationToken">Looked at before each round; a forest is one round and cannot be interrupted within it.</param>
    /// <returns>The model: what <c>Booster.save_raw('json')</c> gives in Python.</returns>
    /// <exception cref="ArgumentException">A shape, a value or a parameter is wrong; the message says which.</exception>
    /// <exception cref="XGBoostException">The native library is missing or refused.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static byte[] Train(
        ReadOnlySpan<float> rows,
        int columnCount,
        ReadOnlySpan<float> labels,
        ReadOnlySpan<float> weights,
        XGBoostParameters parameters,
        Func<int, bool>? onRound = null,
        XGBoostValidation validation = default,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        parameters.Validate();
        TrainingInput.Check(rows, columnCount, labels, weights, parameters);
        var stopsEarly = validation.Patience != 0 || validation.Rows.Length != 0 || validation.Labels.Length != 0;
        if (stopsEarly)
            TrainingInput.Check(validation, columnCount, parameters);
        cancellationToken.ThrowIfCancellationRequested();
        XGBoostLibrary.Require();

        using var matrix = CreateMatrix(rows, columnCount, labels, weights, parameters.Threads);
        using var heldOut = stopsEarly ? CreateMatrix(validation.Rows, columnCount, validation.Labels, validation.Weights, parameters.Threads) : null;
        using var booster = CreateBooster(matrix, heldOut, parameters);
        var rounds = Boost(booster, matrix, heldOut, parameters.Rounds, validation.Patience, onRound, cancellationToken);
        if (heldOut is null)
            return Save(booster);

        XGBoostException.Check(NativeMethods.XGBoosterSlice(booster, 0, rounds, 1, out var raw));
        using var slice = new BoosterHandle(raw);
        return Save(slice);
    }

    /// <returns>Rounds to keep: all, or up to and with the best on the validation set.</returns>
    private static int Boost(
        BoosterHandle booster,
        DMatrixHandle matrix,
        DMatrixHandle? heldOut,
        int maxRounds,
        int patience,
        Func<int, bool>? onRound,
        CancellationToken cancellationToken)
    {
        var best = double.PositiveInfinity;
        var bestRounds = 1;
        for (var round = 1; round <= maxRounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            XGBoostException.Check(NativeMethods.XGBoosterUpdateOneIter(booster, round - 1, matrix));
            if (heldOut is not null && Evaluate(booster, round - 1, heldOut) is var loss && loss < best)
                (best, bestRounds) = (loss, round);
            else if (heldOut is null)
                bestRounds = round;

            var goOn = onRound?.Invoke(round) ?? true;
            if (!goOn || (heldOut is not null && round - bestRounds >= patience))
                break;
        }

        return bestRounds;
    }

    internal static DMatrixHandle CreateMatrix(
        ReadOnlySpan<float> rows, int columnCount, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights, int threads)
    {
        var matrix = DMatrixHandle.Create(rows, columnCount, threads);
        try
        {
            matrix.Set("label", labels);
            if (!weights.IsEmpty)
                matrix.Set("weight", weights);
            return matrix;
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
    }

    internal static unsafe BoosterHandle CreateBooster(DMatrixHandle matrix, DMatrixHandle? heldOut, XGBoostParameters parameters)
    {
        // XGBoost keeps the training predictions of matrices it knows in its cache, and so adds one tree instead of summing all.
        var matrices = stackalloc IntPtr[2] { matrix.Raw, heldOut?.Raw ?? IntPtr.Zero };
        var booster = BoosterHandle.Create(matrices, heldOut is null ? 1 : 2);
        try
        {
            foreach (var (name, value) in parameters.ToNative())
                XGBoostException.Check(NativeMethods.XGBoosterSetParam(booster, name, value));
            return booster;
        }
        catch
        {
            booster.Dispose();
            throw;
        }
    }

    /// <summary>The objective's own default metric (log loss for binary:logistic, RMSE for the others): smaller is better.</summary>
    internal static unsafe double Evaluate(BoosterHandle booster, int iteration, DMatrixHandle heldOut)
    {
        var matrices = stackalloc IntPtr[1] { heldOut.Raw };
        fixed (byte* name = "validation\0"u8)
        {
            var names = stackalloc byte*[1] { name };
            XGBoostException.Check(NativeMethods.XGBoosterEvalOneIter(booster, iteration, matrices, names, 1, out var text));
            var line = Marshal.PtrToStringUTF8(text) ?? "";   // "[12]\tvalidation-logloss:0.43218"
            var value = line.AsSpan(line.LastIndexOf(':') + 1);
            return double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var loss)
                ? loss
                : throw new XGBoostException($"XGBoost: the evaluation '{line.Trim()}' holds no number.");
        }
    }

    private static unsafe byte[] Save(BoosterHandle booster)
    {
        XGBoostException.Check(NativeMethods.XGBoosterSaveModelToBuffer(booster, """{"format": "json"}""", out var length, out var buffer));
        return new ReadOnlySpan<byte>(buffer, checked((int)length)).ToArray();
    }
}
