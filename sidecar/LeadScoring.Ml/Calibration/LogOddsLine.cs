namespace LeadScoring.Ml.Calibration;

/// <summary>Logistic recalibration as a normal belief: logit p' = intercept + slope x logit p, and how sure that is.</summary>
/// <remarks>Cox (1958), "Two Further Applications of a Model for Binary Regression"; the belief after outcomes is Laplace's (mode and curvature).</remarks>
/// <param name="Intercept">In log-odds.</param>
/// <param name="Slope">1: the score says as much as it did.</param>
/// <param name="PrecisionA">Of the intercept.</param>
/// <param name="PrecisionAb">Off the diagonal.</param>
/// <param name="PrecisionB">Of the slope.</param>
internal readonly record struct LogOddsLine(double Intercept, double Slope, double PrecisionA, double PrecisionAb, double PrecisionB)
{
    private const int MostSteps = 100;

    /// <summary>Standard error of the slope.</summary>
    internal double SlopeError => Math.Sqrt(PrecisionA / ((PrecisionA * PrecisionB) - (PrecisionAb * PrecisionAb)));

    /// <summary>Sum of the negative log-likelihoods.</summary>
    internal double Loss(ReadOnlySpan<double> z, ReadOnlySpan<float> labels) => Loss(z, labels, Intercept, Slope);

    /// <summary>The belief after more outcomes, this one being the prior.</summary>
    /// <param name="z">Log-odds, finite.</param>
    /// <param name="labels">1 or 0.</param>
    /// <param name="withSlope">False: the slope stays.</param>
    internal LogOddsLine After(ReadOnlySpan<double> z, ReadOnlySpan<float> labels, bool withSlope)
    {
        var (a, b) = (Intercept, Slope);
        var penalized = Penalized(z, labels, a, b);
        double haa = PrecisionA, hab = PrecisionAb, hbb = PrecisionB;
        for (var step = 0; step < MostSteps; step++)
        {
            double ga = (PrecisionA * (a - Intercept)) + (PrecisionAb * (b - Slope)), gb = (PrecisionAb * (a - Intercept)) + (PrecisionB * (b - Slope));
            (haa, hab, hbb) = (PrecisionA, PrecisionAb, PrecisionB);
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
            var (da, db) = withSlope ? (((hbb * ga) - (hab * gb)) / determinant, ((haa * gb) - (hab * ga)) / determinant) : (ga / haa, 0.0);
            var scale = 1.0;
            double value;
            // A full Newton step may overshoot far from the optimum.
            while ((value = Penalized(z, labels, a - (scale * da), b - (scale * db))) > penalized && scale > 1e-6) scale /= 2;
            (a, b, penalized) = (a - (scale * da), b - (scale * db), value);
            if (Math.Abs(scale * da) + Math.Abs(scale * db) < 1e-10) break;
        }

        return withSlope ? new LogOddsLine(a, b, haa, hab, hbb) : this with { Intercept = a, PrecisionA = haa };
    }

    private double Penalized(ReadOnlySpan<double> z, ReadOnlySpan<float> labels, double a, double b) =>
        Loss(z, labels, a, b) + (((PrecisionA * (a - Intercept) * (a - Intercept)) + (2 * PrecisionAb * (a - Intercept) * (b - Slope)) + (PrecisionB * (b - Slope) * (b - Slope))) / 2);

    private static double Loss(ReadOnlySpan<double> z, ReadOnlySpan<float> labels, double intercept, double slope)
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
}
