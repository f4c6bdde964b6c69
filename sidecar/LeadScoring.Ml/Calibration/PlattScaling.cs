namespace LeadScoring.Ml.Calibration;

/// <summary>A straight line in log-odds from raw to calibrated probability: what few conversions can bear.</summary>
/// <param name="Slope">At least 0.</param>
/// <param name="Intercept">Log-odds at a raw probability of 0.5.</param>
/// <remarks>Source: Platt (1999), "Probabilistic Outputs for Support Vector Machines", fitted by Newton steps on the log-odds of the raw probability.</remarks>
internal readonly record struct PlattScaling(double Slope, double Intercept)
{
    // Log-odds beyond this say nothing more; it keeps a raw 0 or 1 finite.
    private const double MostLogOdds = 14;
    private const int MostSteps = 50;

    internal static double LogOdds(double probability) =>
        Math.Clamp(Math.Log(probability / (1 - probability)), -MostLogOdds, MostLogOdds);

    internal double Apply(double rawProbability) => 1 / (1 + Math.Exp(-((Slope * LogOdds(rawProbability)) + Intercept)));

    /// <summary>Fits by maximum likelihood with a weak pull of one lead towards "raw is right", so that separable leads have a finite answer too.</summary>
    /// <param name="predictions">Raw probabilities.</param>
    /// <param name="labels">1 or 0.</param>
    /// <param name="weights">Numbers of leads; empty for all 1.</param>
    internal static PlattScaling Fit(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        var x = new double[predictions.Length];
        for (var i = 0; i < x.Length; i++) x[i] = LogOdds(predictions[i]);
        double slope = 1, intercept = 0, loss = Loss(x, labels, weights, slope, intercept);
        for (var step = 0; step < MostSteps; step++)
        {
            double ga = slope - 1, gb = intercept, haa = 1, hab = 0, hbb = 1;
            for (var i = 0; i < x.Length; i++)
            {
                var p = 1 / (1 + Math.Exp(-((slope * x[i]) + intercept)));
                double weight = weights.IsEmpty ? 1 : weights[i], r = weight * (p - labels[i]), h = weight * p * (1 - p);
                ga += r * x[i];
                gb += r;
                haa += h * x[i] * x[i];
                hab += h * x[i];
                hbb += h;
            }

            var determinant = (haa * hbb) - (hab * hab);
            double da = ((hbb * ga) - (hab * gb)) / determinant, db = ((haa * gb) - (hab * ga)) / determinant;
            var scale = 1.0;
            var next = Loss(x, labels, weights, slope - da, intercept - db);
            // A full Newton step may overshoot far from the optimum.
            while (!(next <= loss) && scale > 1e-6)
            {
                scale /= 2;
                next = Loss(x, labels, weights, slope - (scale * da), intercept - (scale * db));
            }

            if (!(next <= loss)) break;
            (slope, intercept) = (slope - (scale * da), intercept - (scale * db));
            if (loss - next < 1e-10 * Math.Max(1, loss)) break;
            loss = next;
        }

        if (slope >= 0) return new PlattScaling(slope, intercept);
        // The raw probability points the wrong way: nothing is learned from it here, and the map may not fall.
        double converted = 0, all = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var weight = weights.IsEmpty ? 1 : weights[i];
            (converted, all) = (converted + (weight * labels[i]), all + weight);
        }

        var rate = (converted + 0.5) / (all + 1);
        return new PlattScaling(0, Math.Log(rate / (1 - rate)));
    }

    private static double Loss(double[] x, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights, double slope, double intercept)
    {
        var sum = (((slope - 1) * (slope - 1)) + (intercept * intercept)) / 2;
        for (var i = 0; i < x.Length; i++)
        {
            var margin = (slope * x[i]) + intercept;
            var towards = labels[i] == 1 ? margin : -margin;
            sum += (weights.IsEmpty ? 1 : weights[i]) * (Math.Max(-towards, 0) + Math.Log(1 + Math.Exp(-Math.Abs(towards))));
        }

        return sum;
    }
}
