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
}
