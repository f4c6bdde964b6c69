using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Calibration;

/// <summary>A base rate estimated from probabilities without outcomes.</summary>
/// <param name="From">Base rate that the probabilities were made for.</param>
/// <param name="To">Base rate that explains the leads best.</param>
/// <param name="P">Probability of as good an explanation if the base rate had not moved (likelihood-ratio test, one degree of freedom).</param>
/// <param name="Iterations">Steps of the EM.</param>
public sealed record PriorShiftEstimate(double From, double To, double P, int Iterations)
{
    /// <summary>Added to the log-odds of every lead.</summary>
    public double Intercept => PriorShift.LogOdds(To) - PriorShift.LogOdds(From);

    /// <summary>
    /// Whether label shift can be what happened: odds moved by no more than <see cref="PriorShift.MostOdds"/>. Where leads as such look different, no mixture of the known two
    /// kinds explains them, and the EM runs to 0 or 1.
    /// </summary>
    public bool IsPlausible => Math.Abs(Intercept) <= Math.Log(PriorShift.MostOdds);
}

/// <summary>Finds and corrects a moved base rate without outcomes.</summary>
/// <remarks>
/// Saerens, Latinne and Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple Procedure", Neural Computation 14: EM for the
/// new base rate, a likelihood-ratio test for whether it moved, and the corrected posterior. It assumes label shift: leads that convert look as they did, and so do those that do not; only
/// their shares moved. Where what leads look like has moved for itself, or what leads to a conversion has, it corrects what is not wrong or misses what is: outcomes must decide (<see cref="Reanchoring"/>).
/// </remarks>
public static class PriorShift
{
    /// <summary>Largest factor on the odds that is taken for a moved base rate: from 5 % to 61 %, say.</summary>
    public const double MostOdds = 30;

    private const int MostIterations = 10_000;
    private const double Settled = 1e-10;

    /// <summary>Estimates the base rate of leads without outcomes.</summary>
    /// <param name="probabilities">Calibrated for <paramref name="from"/>, in [0, 1]. Shape (leads,), at least one.</param>
    /// <param name="from">Base rate that they are calibrated for, in (0, 1).</param>
    /// <exception cref="ArgumentException">No leads, a probability outside [0, 1], or a base rate outside (0, 1).</exception>
    public static PriorShiftEstimate Estimate(ReadOnlySpan<double> probabilities, double from)
    {
        if (probabilities.IsEmpty) throw new ArgumentException("There are no leads.", nameof(probabilities));
        if (!(from is > 0 and < 1)) throw new ArgumentException($"A base rate of {from} is not in (0, 1).", nameof(from));
        foreach (var p in probabilities)
        {
            if (!(p is >= 0 and <= 1)) throw new ArgumentException($"The probability {p} is outside [0, 1].", nameof(probabilities));
        }

        double to = from;
        var iterations = 0;
        for (var moved = double.PositiveInfinity; iterations < MostIterations && moved > Settled; iterations++)
        {
            double sum = 0;
            double up = to / from, down = (1 - to) / (1 - from);
            foreach (var p in probabilities) sum += up * p / ((up * p) + (down * (1 - p)));
            var next = Math.Clamp(sum / probabilities.Length, 1e-9, 1 - 1e-9);
            moved = Math.Abs(next - to);
            to = next;
        }

        double ratio = 0;
        foreach (var p in probabilities) ratio += Math.Log((to / from * p) + ((1 - to) / (1 - from) * (1 - p)));
        return new PriorShiftEstimate(from, to, 1 - ChiSquared.CDF(1, Math.Max(0, 2 * ratio)), iterations);
    }

    /// <summary>The probability under another base rate: the odds times the ratio of the base rates' odds.</summary>
    /// <param name="probability">In [0, 1].</param>
    /// <param name="from">Base rate that it is calibrated for.</param>
    /// <param name="to">The other base rate.</param>
    public static double Correct(double probability, double from, double to)
    {
        double up = to / from * probability, down = (1 - to) / (1 - from) * (1 - probability);
        return up / (up + down);
    }

    internal static double LogOdds(double probability) => Math.Log(probability / (1 - probability));
}
