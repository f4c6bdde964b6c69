namespace LeadScoring.Ml.Calibration;

/// <summary>Recalibrations of different memory side by side; those that foresaw the latest outcomes best have the say.</summary>
/// <remarks>
/// <para>
/// How many outcomes to look back on is not a constant: where the base rate jumps, a hundred, where it stands still, all. Each member forgets at its own pace (the precision of its
/// belief decays by 1 - 1/memory an outcome, down to the prior's); one member never moves, half of them keep the slope. Weights are those of Bayes by how well each member foresaw every step from those before it,
/// with a discount, so that old merits fade, and a small share given back to the prior, so that no member dies. Served is the mean line by weight.
/// </para>
/// <para>
/// McCormick, Raftery, Madigan and Burd (2012), "Dynamic Logistic Regression and Dynamic Model Averaging for Binary Classification", Biometrics 68; the share given back: Herbster and Warmuth (1998),
/// "Tracking the Best Expert", Machine Learning 32.
/// </para>
/// </remarks>
internal sealed class RecalibrationMixture
{
    // Chosen on demo worlds: decision record 27. The prior weight of leaving probabilities as they are, and the weight from which on that is what is done.
    private const double AsIs = 0.5;
    private const double StillAsIs = 0.1;
    private const double Discount = 0.95;
    private const double Returned = 0.01;
    private const double LeastSlope = 0.05;

    private static readonly double[] Memories = [100, 400, 1_600, 6_400, double.PositiveInfinity];

    private readonly Member[] members;
    private readonly double[] prior;
    private readonly double[] weights;

    internal RecalibrationMixture()
    {
        members = [new Member(0, false), .. Memories.SelectMany(m => (Member[])[new Member(m, false), new Member(m, true)])];
        prior = [AsIs, .. Enumerable.Repeat((1 - AsIs) / (members.Length - 1), members.Length - 1)];
        weights = [.. prior];
    }

    /// <summary>Outcomes that the members look back on, by weight (harmonic mean of the memories); 0 when nothing is moved.</summary>
    internal double Memory
    {
        get
        {
            if (weights[0] >= StillAsIs) return 0;
            double share = 0, inverse = 0;
            for (var m = 1; m < members.Length; m++) (share, inverse) = (share + weights[m], inverse + (weights[m] / members[m].Memory));
            return share / inverse;
        }
    }

    /// <summary>Intercept and slope for the next leads; 0 and 1 unless the odds are nine to one against leaving as is.</summary>
    internal (double Intercept, double Slope) Line()
    {
        if (weights[0] >= StillAsIs) return (0, 1);
        double intercept = 0, slope = 0;
        for (var m = 0; m < members.Length; m++)
        {
            intercept += weights[m] * members[m].Line.Intercept;
            slope += weights[m] * members[m].Line.Slope;
        }

        return (intercept, slope);
    }

    /// <summary>Outcomes become known: each member is judged by how it foresaw them from those before, then learns them.</summary>
    /// <param name="z">Log-odds of the leads as the model gives them.</param>
    /// <param name="labels">1 or 0.</param>
    internal void Learn(ReadOnlySpan<double> z, ReadOnlySpan<float> labels)
    {
        var losses = new double[members.Length];
        for (var m = 0; m < losses.Length; m++) losses[m] = members[m].Line.Loss(z, labels);
        double least = losses.Min(), sum = 0;
        for (var m = 0; m < weights.Length; m++)
        {
            weights[m] = Math.Pow(weights[m], Discount) * Math.Exp(least - losses[m]);
            sum += weights[m];
        }

        for (var m = 0; m < weights.Length; m++) weights[m] = ((1 - Returned) * weights[m] / sum) + (Returned * prior[m]);
        foreach (var member in members) member.Learn(z, labels);
    }

    private sealed class Member(double memory, bool withSlope)
    {
        private const double PriorA = 1 / (Reanchoring.InterceptDeviation * Reanchoring.InterceptDeviation);
        private const double PriorB = 1 / (Reanchoring.SlopeDeviation * Reanchoring.SlopeDeviation);

        internal double Memory => memory;

        internal LogOddsLine Line { get; private set; } = new(0, 1, PriorA, 0, PriorB);

        internal void Learn(ReadOnlySpan<double> z, ReadOnlySpan<float> labels)
        {
            if (memory == 0) return;
            // What was believed stays the centre; only how sure it was fades, and not below the prior: in one step odds move by no more than that.
            var kept = Math.Pow(1 - (1 / memory), z.Length);
            var faded = Line with { PrecisionA = (kept * Line.PrecisionA) + ((1 - kept) * PriorA), PrecisionAb = kept * Line.PrecisionAb, PrecisionB = (kept * Line.PrecisionB) + ((1 - kept) * PriorB) };
            var line = faded.After(z, labels, withSlope);
            // A slope of 0 or less would turn the order of leads round: calibration may not do that. The intercept is then that of the least slope.
            Line = line.Slope >= LeastSlope ? line : (faded with { Slope = LeastSlope }).After(z, labels, withSlope: false);
        }
    }
}
