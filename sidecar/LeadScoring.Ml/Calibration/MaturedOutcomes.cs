namespace LeadScoring.Ml.Calibration;

/// <summary>What became of leads that a model had not seen, none missing for being young.</summary>
/// <param name="Probabilities">Calibrated, without an anchor, in [0, 1], in order of time. Shape (leads,).</param>
/// <param name="Labels">1 or 0. Shape (leads,).</param>
public sealed record MaturedOutcomes(double[] Probabilities, float[] Labels)
{
    /// <summary>When each lead was to be scored, Unix ms, not falling; null: one after the other.</summary>
    public long[]? Moments { get; init; }

    /// <summary>How long after that an outcome is known: the horizon. Default 0.</summary>
    public long LagMs { get; init; }

    /// <summary>Intervals of the model; null where the width is not to be learned from these leads.</summary>
    public ConversionIntervals? Intervals { get; init; }

    /// <exception cref="ArgumentException">Lengths differ, moments fall, or the lag is negative.</exception>
    internal void Validate()
    {
        if (Probabilities.Length != Labels.Length) throw new ArgumentException($"{Probabilities.Length} probabilities for {Labels.Length} outcomes");
        if (LagMs < 0) throw new ArgumentException($"outcomes known {-LagMs} ms before their lead");
        if (Moments is not { } moments) return;
        if (moments.Length != Labels.Length) throw new ArgumentException($"{moments.Length} moments for {Labels.Length} outcomes");
        for (var i = 1; i < moments.Length; i++)
        {
            if (moments[i] < moments[i - 1]) throw new ArgumentException($"outcome {i} lies before outcome {i - 1}");
        }
    }
}
