namespace LeadScoring.Ml.Metrics;

/// <summary>How many leads a grade holds and how many of them convert.</summary>
/// <param name="Leads">Leads with the grade.</param>
/// <param name="Share">Their share of all leads, in [0, 1].</param>
/// <param name="Precision">The share of them that converted, in [0, 1]; NaN when the grade is empty, for then nothing is known.</param>
public readonly record struct GradeQuality(int Leads, double Share, double Precision)
{
    /// <summary>Lowest score of grade A, in points.</summary>
    public const double LowestA = 85;

    /// <summary>Measures the leads with lowest &lt;= score &lt; below.</summary>
    /// <param name="points">Scores as shown to people, 0 to 100, already rounded to one decimal (the grade is given on the rounded score). Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="lowest">Lowest score of the grade, in points, itself included. Default: grade A.</param>
    /// <param name="below">Lowest score of the next better grade, in points, itself excluded. Default: no better grade.</param>
    /// <exception cref="ArgumentException">No leads, lengths differ, a score is NaN, or a label is neither 0 nor 1.</exception>
    public static GradeQuality Of(
        ReadOnlySpan<double> points, ReadOnlySpan<float> labels, double lowest = LowestA, double below = double.PositiveInfinity)
    {
        MetricInput.RequireRankable(points, labels);
        int leads = 0, converted = 0;
        for (var i = 0; i < points.Length; i++)
        {
            if (!(points[i] >= lowest && points[i] < below)) continue;
            leads++;
            if (labels[i] == 1f) converted++;
        }
        return new GradeQuality(leads, (double)leads / points.Length, (double)converted / leads);
    }
}
