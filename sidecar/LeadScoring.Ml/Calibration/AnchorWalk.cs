namespace LeadScoring.Ml.Calibration;

/// <summary>Walks through matured outcomes as they came in: at every step the anchor that was to be had then, then what became of the leads that it scored.</summary>
/// <remarks>
/// State is never carried from one anchor to the next: each walks the outcomes anew. So an anchor does not depend on how often one was made, corrected and erased outcomes count as they are now, and what is measured on a
/// series is what the product serves. What is known at a step are outcomes that lie a horizon back.
/// </remarks>
internal sealed class AnchorWalk
{
    /// <summary>Outcomes after which a new anchor is made.</summary>
    internal const int StepRows = 100;

    // Groups of leads scored alike: five of a hundred at a time.
    private const int GroupRows = 100;
    private const int GroupsAtOnce = 5;
    private const double Edge = 1e-6;

    private readonly MaturedOutcomes outcomes;
    private readonly double[] z;
    private readonly double[] slopes;
    private readonly double[] halfWidths;
    private readonly RecalibrationMixture mixture = new();
    private readonly IntervalWidth? width;
    private readonly List<int> ungrouped = [];
    private int known;
    private int knownConversions;

    private AnchorWalk(MaturedOutcomes outcomes)
    {
        this.outcomes = outcomes;
        z = Array.ConvertAll(outcomes.Probabilities, p => PriorShift.LogOdds(Math.Clamp(p, Edge, 1 - Edge)));
        (Served, Foreseen, slopes, halfWidths) = (new double[z.Length], new double[z.Length], new double[z.Length], new double[z.Length]);
        if (outcomes.Intervals is { } intervals) width = new IntervalWidth(intervals.Spread.Tau);
    }

    /// <summary>The probability of each lead with the anchor of its time. Shape (leads,).</summary>
    internal double[] Served { get; }

    /// <summary>The probability of each lead with the anchor that all outcomes before it make, known at its time or not: what re-anchoring can mend. Shape (leads,).</summary>
    internal double[] Foreseen { get; }

    /// <summary>Log-odds as the model gives them. Shape (leads,).</summary>
    internal double[] LogOdds => z;

    /// <summary>The anchor for leads after the last outcome, without verdict.</summary>
    internal Anchor Anchor { get; private set; } = Anchor.Identity;

    /// <summary>Outcomes that the anchor looks back on.</summary>
    internal double Memory { get; private set; }

    /// <summary>Groups of leads scored alike whose intervals were held against their outcomes, and how many held.</summary>
    internal (int Groups, int Inside) Coverage => (width?.Groups ?? 0, width?.Inside ?? 0);

    /// <summary>Walks to the end.</summary>
    internal static AnchorWalk Through(MaturedOutcomes outcomes)
    {
        var walk = new AnchorWalk(outcomes);
        for (var from = 0; from < walk.z.Length; from += StepRows)
        {
            walk.LearnUntil(from);
            walk.Serve(from, Math.Min(walk.z.Length, from + StepRows));
        }

        walk.LearnUntil(null);
        walk.Anchor = walk.Now();
        walk.Memory = walk.Anchor.IsIdentity ? 0 : Math.Min(walk.known, walk.mixture.Memory);
        return walk;
    }

    private Anchor Now()
    {
        var few = known < Reanchoring.FewestRows || Math.Min(knownConversions, known - knownConversions) < Reanchoring.FewestPerClass;
        var (intercept, slope) = few ? (0, 1) : mixture.Line();
        return new Anchor { Intercept = intercept, Slope = slope, PeriodHalfWidth = width?.HalfWidth };
    }

    private void Serve(int from, int to)
    {
        var anchor = Now();
        for (var i = from; i < to; i++)
        {
            Served[i] = anchor.Apply(Math.Clamp(outcomes.Probabilities[i], Edge, 1 - Edge));
            (slopes[i], halfWidths[i]) = (anchor.Slope, anchor.PeriodHalfWidth ?? 0);
        }
    }

    /// <summary>Takes in all steps whose outcomes are known when the lead at <paramref name="at"/> is scored; null: all.</summary>
    private void LearnUntil(int? at)
    {
        while (known < (at ?? z.Length))
        {
            var to = Math.Min(z.Length, known + StepRows);
            if (at is { } lead && outcomes.Moments is { } moments && moments[to - 1] + outcomes.LagMs >= moments[lead]) return;
            var labels = outcomes.Labels.AsSpan(known..to);
            var anchor = Now();
            for (var i = known; i < to; i++) Foreseen[i] = anchor.Apply(Math.Clamp(outcomes.Probabilities[i], Edge, 1 - Edge));
            mixture.Learn(z.AsSpan(known..to), labels);
            foreach (var label in labels) knownConversions += label == 1 ? 1 : 0;
            ungrouped.AddRange(Enumerable.Range(known, to - known));
            known = to;
            if (ungrouped.Count >= GroupRows * GroupsAtOnce) LearnWidth();
        }
    }

    private void LearnWidth()
    {
        if (width is not null && outcomes.Intervals is { } intervals)
        {
            int[][] groups = [.. ungrouped.OrderBy(i => Served[i]).Chunk(GroupRows)];
            width.Learn(
                Array.ConvertAll(groups, g => new ScoredAlike(
                    g.Average(i => Served[i]), g.Average(i => outcomes.Labels[i]), g.Average(i => slopes[i] * intervals.SamplingHalfWidth(outcomes.Probabilities[i])), g.Length)),
                Array.ConvertAll(groups, g => g.Average(i => halfWidths[i])));
        }

        ungrouped.Clear();
    }
}
