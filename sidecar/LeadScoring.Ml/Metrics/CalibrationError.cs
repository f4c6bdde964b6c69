namespace LeadScoring.Ml.Metrics;

/// <summary>One bar of a reliability diagram.</summary>
/// <param name="Leads">Leads whose probability falls in the bin.</param>
/// <param name="MeanProbability">Their mean predicted probability, in [0, 1]; NaN in an empty bin.</param>
/// <param name="ConversionRate">The share of them that converted, in [0, 1]; NaN in an empty bin.</param>
public readonly record struct ReliabilityBin(int Leads, double MeanProbability, double ConversionRate)
{
    /// <summary>As many leads, each counting alike, would say as much: the leads themselves unless they are weighted.</summary>
    public double EffectiveLeads { get; init; } = Leads;
}

/// <summary>Whether leads given probability p convert p of the time.</summary>
public static class CalibrationError
{
    /// <summary>Number of equal-width bins on [0, 1].</summary>
    public const int Bins = 10;

    /// <summary>Expected calibration error: over ten equal bins, the mean of |mean probability - conversion rate|, weighted by leads.</summary>
    /// <remarks>
    /// Naeini, Cooper and Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning". It is biased upward on small samples:
    /// even a perfect model has an error of the order of sqrt(p (1 - p) * bins / leads).
    /// </remarks>
    /// <param name="probabilities">In [0, 1]. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <returns>A value in [0, 1]. One class only is fine.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a probability is NaN or outside [0, 1], or a label is neither 0 nor 1.</exception>
    public static double Expected(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        double sum = 0;
        foreach (var bin in Reliability(probabilities, labels))
            if (bin.Leads > 0)
                sum += bin.Leads * Math.Abs(bin.MeanProbability - bin.ConversionRate);
        return sum / labels.Length;
    }

    /// <summary>The ten bins themselves, for a reliability diagram.</summary>
    /// <remarks>Bin i holds i/10 &lt; p &lt;= (i+1)/10, and p = 0 belongs to the first: the binning of scikit-learn's <c>calibration_curve</c>.</remarks>
    /// <param name="probabilities">In [0, 1]. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="weights">How many leads each counts for, at least 0. Shape (leads,), or empty for all 1.</param>
    /// <returns>Shape (10,), from the lowest probabilities to the highest.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a probability is NaN or outside [0, 1], or a label is neither 0 nor 1.</exception>
    public static ReliabilityBin[] Reliability(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        MetricInput.RequireProbabilities(probabilities, labels);
        MetricInput.RequireWeights(weights, labels.Length);
        Span<int> leads = stackalloc int[Bins];
        Span<double> predicted = stackalloc double[Bins];
        Span<double> converted = stackalloc double[Bins];
        Span<double> sums = stackalloc double[Bins];
        Span<double> squares = stackalloc double[Bins];
        leads.Clear();
        sums.Clear();
        squares.Clear();
        predicted.Clear();
        converted.Clear();
        for (var i = 0; i < labels.Length; i++)
        {
            var bin = BinOf(probabilities[i]);
            double weight = weights.IsEmpty ? 1 : weights[i];
            leads[bin]++;
            sums[bin] += weight;
            squares[bin] += weight * weight;
            predicted[bin] += weight * probabilities[i];
            converted[bin] += weight * labels[i];
        }

        var bins = new ReliabilityBin[Bins];
        for (var i = 0; i < Bins; i++)
            bins[i] = new ReliabilityBin(leads[i], predicted[i] / sums[i], converted[i] / sums[i]) { EffectiveLeads = sums[i] * sums[i] / squares[i] };
        return bins;
    }

    // The edges are i * 0.1 in double arithmetic, exactly as numpy's linspace(0, 1, 11) makes them.
    internal static int BinOf(double probability)
    {
        var bin = Math.Clamp((int)(probability * Bins), 0, Bins - 1);
        while (bin > 0 && probability <= bin * 0.1) bin--;
        while (bin < Bins - 1 && probability > (bin + 1) * 0.1) bin++;
        return bin;
    }
}
