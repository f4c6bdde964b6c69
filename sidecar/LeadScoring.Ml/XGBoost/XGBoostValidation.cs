namespace LeadScoring.Ml.XGBoost;

/// <summary>Rows held out of training that decide when to stop: the round with the best value of the objective's own metric wins.</summary>
/// <remarks>They must not be the rows that the model is later evaluated on: stopping by them is a form of fitting.</remarks>
public readonly ref struct XGBoostValidation
{
    /// <param name="rows">Row-major, shape (count, columnCount), the training's columns in the same order; NaN = missing; no infinities.</param>
    /// <param name="labels">Shape (count), same range as the training's labels.</param>
    /// <param name="patience">Rounds without improvement after which training stops, at least 1.</param>
    /// <param name="weights">Finite and at least 0. Shape (count), or empty for all 1.</param>
    public XGBoostValidation(ReadOnlySpan<float> rows, ReadOnlySpan<float> labels, int patience, ReadOnlySpan<float> weights = default)
    {
        Rows = rows;
        Labels = labels;
        Patience = patience;
        Weights = weights;
    }

    /// <summary>Row-major, shape (count, columnCount).</summary>
    public ReadOnlySpan<float> Rows { get; }

    /// <summary>Shape (count).</summary>
    public ReadOnlySpan<float> Labels { get; }

    /// <summary>Shape (count), or empty for all 1.</summary>
    public ReadOnlySpan<float> Weights { get; }

    /// <summary>Rounds without improvement after which training stops; 0 = this is no validation set.</summary>
    public int Patience { get; }
}
