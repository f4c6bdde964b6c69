namespace LeadScoring.Ml.Training;

/// <summary>Train on the older rows, test on the newest: what a model is worth on leads that come after it.</summary>
public static class ForwardSplit
{
    /// <summary>Splits rows by their moment; rows of one moment stay on one side.</summary>
    /// <param name="asOfMs">Moment of each row of the table, Unix ms.</param>
    /// <param name="rows">Rows to split.</param>
    /// <param name="testShare">Share of rows wanted for the test, 0.01 to 0.9. Of a tie at the border the side is taken that comes nearer to it.</param>
    /// <returns>Both in ascending order of position; one is empty when all rows have the same moment.</returns>
    public static (int[] Train, int[] Test) Of(long[] asOfMs, int[] rows, double testShare)
    {
        var ordered = (int[])rows.Clone();
        Array.Sort(ordered, (a, b) => asOfMs[a] != asOfMs[b] ? asOfMs[a].CompareTo(asOfMs[b]) : a.CompareTo(b));
        var wanted = ordered.Length - (int)Math.Round(ordered.Length * testShare);
        int below = wanted, above = wanted;
        bool Splits(int at) => at <= 0 || at >= ordered.Length || asOfMs[ordered[at - 1]] != asOfMs[ordered[at]];
        while (!Splits(below)) below--;
        while (!Splits(above)) above++;
        // An empty side is no split: the other border is taken, however far.
        var cut = below <= 0 ? above : above >= ordered.Length || wanted - below <= above - wanted ? below : above;
        return ([.. ordered[..cut].Order()], [.. ordered[cut..].Order()]);
    }
}
