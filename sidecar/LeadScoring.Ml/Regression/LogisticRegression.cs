using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Regression;

/// <summary>A fitted logistic regression: P(converted) = 1 / (1 + exp(-margin)), margin = intercept + coefficients . row.</summary>
/// <remarks>Fitted by <see cref="LogisticRegressionTrainer"/>. Immutable, so safe to share between threads.</remarks>
public sealed class LogisticRegression
{
    private readonly double[] coefficients;

    /// <summary>Restores a regression from its numbers.</summary>
    /// <param name="coefficients">Log-odds per unit of each column, finite. Shape (columns,); may be empty.</param>
    /// <param name="intercept">Log-odds of a row of zeros, finite.</param>
    /// <exception cref="ArgumentException">A number is NaN or infinite.</exception>
    public LogisticRegression(ReadOnlySpan<double> coefficients, double intercept)
    {
        for (var i = 0; i < coefficients.Length; i++)
            if (!double.IsFinite(coefficients[i]))
                throw new ArgumentException($"The coefficient of column {i} is {coefficients[i]:R}, not a finite number.", nameof(coefficients));
        if (!double.IsFinite(intercept))
            throw new ArgumentException($"The intercept is {intercept:R}, not a finite number.", nameof(intercept));
        this.coefficients = coefficients.ToArray();
        Intercept = intercept;
    }

    /// <summary>Log-odds per unit of each column. Shape (columns,). A column's exact share of a margin is its coefficient times its value.</summary>
    public ReadOnlySpan<double> Coefficients => coefficients;

    /// <summary>Log-odds of a row of zeros.</summary>
    public double Intercept { get; }

    /// <summary>Log-odds of one lead. Allocates nothing.</summary>
    /// <param name="row">Preprocessed features. Shape (columns,). NaN gives NaN.</param>
    /// <exception cref="ArgumentException">The row has another number of columns.</exception>
    public double Margin(ReadOnlySpan<float> row)
    {
        if (row.Length != coefficients.Length)
            throw new ArgumentException($"The row has {row.Length} columns, the regression {coefficients.Length}.", nameof(row));
        return Intercept + Dot(coefficients, row);
    }

    /// <summary>Probability of conversion of one lead, before calibration.</summary>
    /// <param name="row">Preprocessed features. Shape (columns,). NaN gives NaN.</param>
    /// <returns>A value in [0, 1].</returns>
    /// <exception cref="ArgumentException">The row has another number of columns.</exception>
    public double Probability(ReadOnlySpan<float> row) => 1 / (1 + Math.Exp(-Margin(row)));

    /// <summary>Log-odds of many leads.</summary>
    /// <param name="rows">Preprocessed features, row after row. Shape (leads, columns).</param>
    /// <param name="margins">Receives the log-odds. Shape (leads,).</param>
    /// <exception cref="ArgumentException">The number of features is not leads times columns.</exception>
    public void Margins(ReadOnlySpan<float> rows, Span<double> margins)
    {
        if (rows.Length != (long)margins.Length * coefficients.Length)
            throw new ArgumentException($"{rows.Length} features for {margins.Length} leads of {coefficients.Length} columns.", nameof(rows));
        for (var i = 0; i < margins.Length; i++)
            margins[i] = Intercept + Dot(coefficients, rows.Slice(i * coefficients.Length, coefficients.Length));
    }

    /// <summary>Log-odds of four leads of a regression with three columns, lane by lane the bits of <see cref="Margin"/>.</summary>
    internal Vector256<double> Margins(Vector256<double> first, Vector256<double> second, Vector256<double> third) =>
        Vector256.Create(Intercept) + ((first * coefficients[0]) + (second * coefficients[1]) + (third * coefficients[2]));

    // Sums in doubles, four lanes wide on every machine, so that all machines give the same bits.
    internal static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<float> b)
    {
        ref var pa = ref MemoryMarshal.GetReference(a);
        ref var pb = ref MemoryMarshal.GetReference(b);
        Vector256<double> even = default, odd = default;
        var i = 0;
        for (; i + 8 <= a.Length; i += 8)
        {
            var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(ref pb, (nuint)i));
            even = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref pa, (nuint)i), low, even);
            odd = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref pa, (nuint)i + 4), high, odd);
        }
        var half = even.GetLower() + even.GetUpper() + (odd.GetLower() + odd.GetUpper());
        var sum = half[0] + half[1];
        for (; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
