namespace LeadScoring.Ml.Ensemble;

/// <summary>Lowest score of each grade, on the rounded score, so that there are no gaps. D is everything below C.</summary>
public sealed record GradeScale
{
    /// <summary>A 85, B 70, C 50.</summary>
    public static readonly GradeScale Default = new();

    /// <summary>Lowest score of grade A, 0-100. Default 85.</summary>
    public double A { get; init; } = 85;

    /// <summary>Lowest score of grade B, 0-100. Default 70.</summary>
    public double B { get; init; } = 70;

    /// <summary>Lowest score of grade C, 0-100. Default 50.</summary>
    public double C { get; init; } = 50;

    /// <exception cref="ArgumentException">The bounds do not descend from A to C within 0 and 100.</exception>
    public void Validate()
    {
        if (!(A <= 100 && A > B && B > C && C >= 0)) throw new ArgumentException($"grades: A {A}, B {B}, C {C} must descend within 100 and 0");
    }

    /// <summary>The grade of a score with one decimal.</summary>
    public char Of(double points) => points >= A ? 'A' : points >= B ? 'B' : points >= C ? 'C' : 'D';

    /// <summary>The grade of a lead that had one before: it keeps it until the score has passed the bound by more than the margin.</summary>
    /// <param name="points">Score with one decimal.</param>
    /// <param name="previous">Grade before; null when there was none.</param>
    /// <param name="margin">Points beyond the bound, at least 0; 0 is the same as having had no grade.</param>
    public char Of(double points, char? previous, double margin)
    {
        if (previous is not { } had || margin == 0) return Of(points);
        var (up, down) = (Of(points - margin), Of(points + margin));
        // A is the smaller letter: the better grade must hold with the margin taken off, the worse one with it put on.
        return up < had ? up : down > had ? down : had;
    }

    /// <summary>Lowest score of a grade; 0 for D.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not A, B, C or D.</exception>
    public double LowestFor(char grade) => grade switch
    {
        'A' => A, 'B' => B, 'C' => C, 'D' => 0,
        _ => throw new ArgumentOutOfRangeException(nameof(grade), grade, "A, B, C or D"),
    };
}
