using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Features;

/// <summary>Fits a <see cref="Preprocessor"/> on training rows and encodes those rows without letting a row see its own label.</summary>
public static class PreprocessorFit
{
    /// <summary>Training rows, encoded.</summary>
    /// <param name="Preprocessor">What was fitted; encodes every other row.</param>
    /// <param name="Tree">Tree rows, row-major (rows, tree columns).</param>
    /// <param name="Dense">Dense rows, row-major (rows, dense columns).</param>
    public sealed record Result(Preprocessor Preprocessor, float[] Tree, float[] Dense);

    /// <summary>Fits on the given rows of a table.</summary>
    /// <param name="profile">Features; their order is the order of the values.</param>
    /// <param name="values">Row-major (all rows, features).</param>
    /// <param name="labels">1 or 0 for each row of the table.</param>
    /// <param name="rows">The rows to fit on, at least one.</param>
    /// <param name="settings">How to encode.</param>
    /// <param name="seed">Seed of the inner folds of target encodings.</param>
    public static Result Fit(FeatureProfile profile, FeatureValue[] values, float[] labels, int[] rows, EncodingSettings settings, int seed)
    {
        settings.Validate();
        if (rows.Length == 0) throw new ArgumentException("no training rows", nameof(rows));
        var width = profile.Features.Count;
        var encoders = new FeatureEncoder[width];
        for (var f = 0; f < width; f++)
        {
            var column = new FeatureValue[rows.Length];
            var y = new float[rows.Length];
            for (var r = 0; r < rows.Length; r++)
            {
                column[r] = values[(rows[r] * width) + f];
                y[r] = labels[rows[r]];
            }

            encoders[f] = profile.Features[f].Kind == FeatureKind.Categorical
                ? FitLevels(column, y, settings)
                : FitNumber(column, y, settings, bounded: profile.Features[f].Kind == FeatureKind.Numeric);
        }

        var preprocessor = new Preprocessor(encoders, [.. profile.Features.Select(f => f.Name)]);
        return Encode(preprocessor, width, values, labels, rows, settings, seed);
    }

    /// <summary>Encodes the rows that a preprocessor was fitted on: target encodings come from other folds, so that no row sees its own label.</summary>
    internal static Result Encode(Preprocessor p, int width, FeatureValue[] values, float[] labels, int[] rows, EncodingSettings settings, int seed)
    {
        int t = p.TreeColumns.Count, d = p.DenseColumns.Count;
        var tree = new float[(long)rows.Length * t];
        var dense = new float[(long)rows.Length * d];
        for (var r = 0; r < rows.Length; r++)
            p.Encode(values.AsSpan(rows[r] * width, width), tree.AsSpan(r * t, t), dense.AsSpan(r * d, d));
        for (var f = 0; f < width; f++)
        {
            if (p.Encoders[f] is not (TargetEncoder or OneHotStatisticsEncoder)) continue;
            var column = Array.ConvertAll(rows, r => values[(r * width) + f].Level);
            var outOfFold = TargetStatistics.OutOfFold(column, Array.ConvertAll(rows, r => labels[r]), settings, seed + f);
            for (var r = 0; r < rows.Length; r++)
            {
                var part = p.TreePart(f, tree.AsSpan(r * t, t));
                if (p.Encoders[f] is TargetEncoder encoder) encoder.Write(outOfFold[r].LogOdds, outOfFold[r].LogCount, part, p.DensePart(f, dense.AsSpan(r * d, d)));
                else (part[^2], part[^1]) = (outOfFold[r].LogOdds, outOfFold[r].LogCount);
            }
        }

        return new Result(p, tree, dense);
    }

    private static NumericEncoder FitNumber(FeatureValue[] column, float[] y, EncodingSettings settings, bool bounded)
    {
        var known = column.Where(v => !double.IsNaN(v.Number)).Select(v => NumericEncoder.Bounded(v.Number)).ToArray();
        if (known.Length == 0) return new NumericEncoder { InverseDeviation = 0 };
        Array.Sort(known);
        double low = known[0], high = known[^1];
        if (bounded)
        {
            double ql = Quantile(known, settings.WinsorizeLower), qh = Quantile(known, settings.WinsorizeUpper);
            // A feature that is nearly always the same keeps its whole range, or it would become constant.
            if (ql < qh) (low, high) = (ql, qh);
        }

        var fill = Math.Clamp(Quantile(known, 0.5), low, high);
        double sum = 0, squares = 0;
        foreach (var v in column) sum += double.IsNaN(v.Number) ? fill : Math.Clamp(v.Number, low, high);
        var mean = sum / column.Length;
        foreach (var v in column)
        {
            var delta = (double.IsNaN(v.Number) ? fill : Math.Clamp(v.Number, low, high)) - mean;
            squares += delta * delta;
        }

        var deviation = Math.Sqrt(squares / column.Length);
        return new NumericEncoder
        {
            Low = low, High = high, Fill = fill, Mean = mean,
            InverseDeviation = deviation > 1e-12 * Math.Max(1, Math.Abs(mean)) ? 1 / deviation : 0,
            MissingIndicator = MissingInforms([.. column.Select(v => double.IsNaN(v.Number))], y, settings.MissingPValue),
        };
    }

    private static FeatureEncoder FitLevels(FeatureValue[] column, float[] y, EncodingSettings settings)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var v in column)
        {
            if (v.Level is { } level) counts[level] = counts.GetValueOrDefault(level) + 1;
        }

        if (counts.Count > settings.MaxOneHotLevels) return TargetStatistics.Fit([.. column.Select(v => v.Level)], y, settings);
        var frequent = counts.Where(p => p.Value >= settings.MinLevelCount).OrderByDescending(p => p.Value).ThenBy(p => p.Key, StringComparer.Ordinal).Select(p => p.Key).ToArray();
        var rare = frequent.Length < counts.Count || frequent.Length == 0;
        var rareCount = counts.Where(p => p.Value < settings.MinLevelCount).Sum(p => p.Value);
        var oneHot = new OneHotEncoder
        {
            Levels = frequent,
            Other = rare,
            Mode = frequent.Length == 0 || rareCount > counts[frequent[0]] ? frequent.Length : 0,
            MissingIndicator = MissingInforms([.. column.Select(v => v.Level is null)], y, settings.MissingPValue),
        };
        // Of two levels one column says all.
        return settings.LevelStatistics && counts.Count > 2
            ? new OneHotStatisticsEncoder { OneHot = oneHot, Statistics = TargetStatistics.Fit([.. column.Select(v => v.Level)], y, settings) }
            : oneHot;
    }

    /// <summary>Chi-squared test of the 2 x 2 table missing x converted; false when a side has under ten rows.</summary>
    private static bool MissingInforms(bool[] missing, float[] y, double pValue)
    {
        double n = missing.Length, m = missing.Count(x => x);
        if (m < 10 || n - m < 10) return false;
        double positives = y.Sum(), both = 0;
        for (var i = 0; i < missing.Length; i++) both += missing[i] ? y[i] : 0;
        var expected = m * positives / n;
        var variance = expected * (1 - (positives / n)) * (n - m) / n;
        if (variance <= 0) return false;
        var chi = (both - expected) * (both - expected) / variance;
        return 1 - ChiSquared.CDF(1, chi) < pValue;
    }

    private static double Quantile(double[] sorted, double q)
    {
        var at = q * (sorted.Length - 1);
        var i = (int)Math.Floor(at);
        return i + 1 >= sorted.Length ? sorted[^1] : sorted[i] + ((at - i) * (sorted[i + 1] - sorted[i]));
    }
}
