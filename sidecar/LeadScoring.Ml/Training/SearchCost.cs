namespace LeadScoring.Ml.Training;

/// <summary>What a search may cost, counted in work that is the same on every machine.</summary>
/// <remarks>
/// A clock would let the speed of the machine decide how many trials there are, and so which model comes out. Work is counted in cells: rows x columns x levels of depth x trees
/// that were grown. A second of budget is <see cref="CellsPerSecond"/>, less than what one core did where it was measured, so that the clock, the last stop, rarely has a say.
/// </remarks>
internal sealed class SearchCost(double limit)
{
    /// <summary>Cells that one second of budget buys. Measured: 1.4e9 to 2.9e9 a second on one core.</summary>
    internal const double CellsPerSecond = 1e9;

    private readonly Lock gate = new();
    private double spent;

    /// <summary>Share of the budget that is used up. Ask only between batches of trials: within one, the order of finishing is up to the machine.</summary>
    internal double Share
    {
        get
        {
            lock (gate) return spent / limit;
        }
    }

    internal static SearchCost Of(TimeSpan budget) => new(budget.TotalSeconds * CellsPerSecond);

    internal void Spend(double cells)
    {
        // Whole numbers below 2^53 add up to the same sum in any order.
        lock (gate) spent += Math.Round(cells);
    }

    /// <summary>A boosted or averaged tree model. Deep trees of a forest cost about three times as much a cell as shallow boosted ones.</summary>
    internal static double Trees(FoldRows rows, double trees, int depth, bool isForest) =>
        (double)rows.Labels.Length * rows.TreeColumns * depth * trees * (isForest ? 3 : 1);

    /// <summary>A network: multiplications of some 30 epochs, of which vector units do several at once.</summary>
    internal static double Network(FoldRows rows, IReadOnlyList<int> layers)
    {
        double weights = (rows.DenseColumns * layers[0]) + layers[^1];
        for (var i = 1; i < layers.Count; i++) weights += layers[i - 1] * layers[i];
        return rows.Labels.Length * weights * 10;
    }

    /// <summary>A regression: some eight Newton steps.</summary>
    internal static double Regression(FoldRows rows) => (double)rows.Labels.Length * rows.DenseColumns * rows.DenseColumns;
}
