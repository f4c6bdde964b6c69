using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Metrics;

/// <summary>Whether the probabilities hold within one kind of lead.</summary>
/// <param name="Feature">Feature that the segment is made by.</param>
/// <param name="Segment">Its level, or range of values.</param>
/// <param name="Leads">Leads in it.</param>
/// <param name="Predicted">Their mean probability.</param>
/// <param name="Observed">Share of them that converted.</param>
/// <param name="Interval">95 % interval of that share (Wilson).</param>
/// <param name="P">Probability of a difference as large if the probabilities were right.</param>
/// <param name="IsOff">Off beyond chance, all segments considered.</param>
public sealed record SegmentCalibration(string Feature, string Segment, int Leads, double Predicted, double Observed, Interval Interval, double P, bool IsOff)
{
    /// <summary>Chance of one or more false alarms over all segments.</summary>
    public const double FalseAlarms = 0.05;

    /// <summary>Measures one segment; <see cref="IsOff"/> is not decided yet.</summary>
    /// <remarks>The sum of conversions against that of the probabilities, with its variance under them (Spiegelhalter 1986, "Probabilistic prediction in patient management").</remarks>
    /// <param name="feature">Feature.</param>
    /// <param name="segment">Level or range.</param>
    /// <param name="rows">Rows of the segment, at least one.</param>
    /// <param name="probabilities">In (0, 1), of all rows.</param>
    /// <param name="labels">1 or 0, of all rows.</param>
    /// <param name="weights">How many leads each counts for, of all rows; empty for all 1. The interval is then that of as many leads as carry the same information.</param>
    public static SegmentCalibration Of(string feature, string segment, int[] rows, double[] probabilities, float[] labels, ReadOnlySpan<float> weights = default)
    {
        double expected = 0, variance = 0, converted = 0, sum = 0, squares = 0;
        foreach (var row in rows)
        {
            var weight = weights.IsEmpty ? 1 : weights[row];
            expected += weight * probabilities[row];
            variance += weight * weight * probabilities[row] * (1 - probabilities[row]);
            converted += weight * labels[row];
            sum += weight;
            squares += weight * weight;
        }

        var effective = sum * sum / squares;

        var p = 2 * (1 - Normal.CDF(0, 1, Math.Abs(converted - expected) / Math.Sqrt(variance)));
        return new SegmentCalibration(feature, segment, rows.Length, expected / sum, converted / sum, Metrics.Interval.OfShare(converted * (effective / sum), effective), p, false);
    }

    /// <summary>Marks those that are off: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure", so that looking at many segments raises no alarm by itself.</summary>
    /// <returns>All of them, those that are off first, then by p.</returns>
    public static SegmentCalibration[] Decide(IEnumerable<SegmentCalibration> segments)
    {
        var ordered = segments.OrderBy(s => s.P).ThenByDescending(s => Math.Abs(s.Predicted - s.Observed)).ThenBy(s => s.Feature, StringComparer.Ordinal).ThenBy(s => s.Segment, StringComparer.Ordinal).ToArray();
        var rejected = true;
        for (var i = 0; i < ordered.Length; i++)
        {
            rejected &= ordered[i].P <= FalseAlarms / (ordered.Length - i);
            ordered[i] = ordered[i] with { IsOff = rejected };
        }

        return ordered;
    }
}
