using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>A figure with its 95 % interval.</summary>
/// <param name="Value">Absent when it cannot be told.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public sealed record Measured(double? Value, double? Low = null, double? High = null)
{
    internal static Measured Of(double value, Interval interval) => new(Finite(value), Finite(interval.Low), Finite(interval.High));

    internal static double? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 4) : null;
}

/// <summary>Scores of decisions against their outcomes.</summary>
/// <param name="Outcomes">Decisions whose outcome is known.</param>
/// <param name="Converted">Of them converted.</param>
/// <param name="ConversionRate">Share of them, with Wilson's interval.</param>
/// <param name="MeanProbability">What the scores said on average.</param>
/// <param name="RocAuc">With DeLong's interval; absent with one class only.</param>
/// <param name="Brier">Mean squared error of the probability.</param>
/// <param name="CalibrationError">Expected calibration error over ten bins; of few outcomes it is large by chance.</param>
public sealed record PerformanceMeasures(int Outcomes, int Converted, Measured ConversionRate, double? MeanProbability, Measured RocAuc, double? Brier, double? CalibrationError)
{
    internal static PerformanceMeasures Of(double[] probabilities, float[] labels)
    {
        var converted = labels.Count(y => y == 1);
        if (labels.Length == 0) return new PerformanceMeasures(0, 0, new Measured(null), null, new Measured(null), null, null);
        var auc = AucError.Of(probabilities, labels);
        return new PerformanceMeasures(
            labels.Length, converted, Measured.Of(converted / (double)labels.Length, Interval.OfShare(converted, labels.Length)), Measured.Finite(probabilities.Average()), Measured.Of(auc.Auc, auc.Interval),
            Measured.Finite(ProbabilityLoss.Brier(probabilities, labels)), Measured.Finite(CalibrationOf(probabilities, labels)));
    }

    private static double CalibrationOf(double[] probabilities, float[] labels) => Ml.Metrics.CalibrationError.Expected(probabilities, labels);
}

/// <summary>What is expected of leads before their outcomes are known, if the probabilities hold.</summary>
/// <param name="Leads">Leads first scored in the window.</param>
public sealed record ExpectedMeasures(int Leads, double? RocAuc, double? Brier, double? ConversionRate)
{
    internal static ExpectedMeasures Of(double[] probabilities)
    {
        var e = ExpectedPerformance.Of(probabilities);
        return new ExpectedMeasures(e.Rows, Measured.Finite(e.RocAuc), Measured.Finite(e.Brier), Measured.Finite(e.ConversionRate));
    }
}
