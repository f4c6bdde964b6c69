namespace LeadScoring.Ml.Metrics;

/// <summary>A 95 % interval, in the unit of what it is about. NaN where it is not defined.</summary>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Low, double High)
{
    /// <summary>Nothing is known.</summary>
    public static readonly Interval Undefined = new(double.NaN, double.NaN);

    private const double Z = 1.959963984540054;

    /// <summary>The interval of a share.</summary>
    /// <remarks>Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference": unlike the plain normal one it stays in [0, 1] and holds for few rows.</remarks>
    /// <param name="count">How many of the rows, 0 to <paramref name="rows"/>.</param>
    /// <param name="rows">Rows; 0 gives <see cref="Undefined"/>.</param>
    public static Interval OfShare(double count, double rows)
    {
        if (!(rows > 0)) return Undefined;
        var share = count / rows;
        var centre = (share + (Z * Z / (2 * rows))) / (1 + (Z * Z / rows));
        var half = Z / (1 + (Z * Z / rows)) * Math.Sqrt((share * (1 - share) / rows) + (Z * Z / (4 * rows * rows)));
        return new Interval(Math.Max(0, centre - half), Math.Min(1, centre + half));
    }
}
