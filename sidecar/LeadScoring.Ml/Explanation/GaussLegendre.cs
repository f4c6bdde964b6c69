namespace LeadScoring.Ml.Explanation;

/// <summary>Gauss-Legendre quadrature on [0, 1]: n points integrate polynomials of degree 2n - 1 exactly.</summary>
/// <remarks>Source: Press et al., "Numerical Recipes", section 4.6 (Newton's method on the Legendre polynomial).</remarks>
internal static class GaussLegendre
{
    /// <param name="count">Points, at least 1.</param>
    /// <returns>Points in (0, 1), ascending, and weights that sum to 1; shapes (count).</returns>
    internal static (double[] Points, double[] Weights) Rule(int count)
    {
        var points = new double[count];
        var weights = new double[count];
        for (var i = 0; i < count; i++)
        {
            var x = Math.Cos(Math.PI * (i + 0.75) / (count + 0.5));
            var derivative = 0.0;
            for (var iteration = 0; iteration < 100; iteration++)
            {
                (var value, derivative) = Legendre(count, x);
                var step = value / derivative;
                x -= step;
                if (Math.Abs(step) < 1e-15)
                    break;
            }

            points[count - 1 - i] = (1 + x) / 2;
            weights[count - 1 - i] = 1 / ((1 - (x * x)) * derivative * derivative);
        }

        return (points, weights);
    }

    private static (double Value, double Derivative) Legendre(int degree, double x)
    {
        var (previous, current) = (1.0, x);
        for (var k = 2; k <= degree; k++)
            (previous, current) = (current, ((((2 * k) - 1) * x * current) - ((k - 1) * previous)) / k);
        return (current, degree * ((x * current) - previous) / ((x * x) - 1));
    }
}
