namespace LeadScoring.Demo;

/// <summary>One figure against its target.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Value">Its value; NaN when it cannot be told.</param>
/// <param name="Target">The target.</param>
/// <param name="AtLeast">True when the value must exceed the target, false when it must stay below.</param>
public sealed record DemoTarget(string Name, double Value, double Target, bool AtLeast)
{
    /// <summary>Whether the target is reached; NaN is not.</summary>
    public bool Met => AtLeast ? Value > Target : Value < Target;
}

/// <summary>How good the best possible scorer is on a set of leads.</summary>
public sealed record DemoFigures
{
    /// <summary>Number of leads.</summary>
    public required int Leads { get; init; }

    /// <summary>Share of leads that converted.</summary>
    public required double BaseRate { get; init; }

    /// <summary>Area under the ROC curve: the Bayes AUC.</summary>
    public required double Auc { get; init; }

    /// <summary>Mean log loss, in nats.</summary>
    public required double LogLoss { get; init; }

    /// <summary>Expected calibration error over ten bins of equal width.</summary>
    public required double Ece { get; init; }

    /// <summary>Share of converted among leads of grade A (score of 85 and more).</summary>
    public required double PrecisionOfA { get; init; }

    /// <summary>Share of leads that have grade A.</summary>
    public required double ShareOfA { get; init; }

    /// <summary>Precision at probability 0.5.</summary>
    public required double PrecisionAtHalf { get; init; }

    /// <summary>Recall of converted leads at probability 0.5.</summary>
    public required double RecallAtHalf { get; init; }

    /// <summary>F1 at probability 0.5.</summary>
    public required double F1AtHalf { get; init; }

    /// <summary>The threshold with the highest F1.</summary>
    public required double BestThreshold { get; init; }

    /// <summary>Recall at <see cref="BestThreshold"/>.</summary>
    public required double RecallAtBest { get; init; }

    /// <summary>F1 at <see cref="BestThreshold"/>.</summary>
    public required double F1AtBest { get; init; }

    /// <summary>Pearson correlation of score and conversion.</summary>
    public required double Pearson { get; init; }

    /// <summary>Standard deviation of scores, in points.</summary>
    public required double ScoreDeviation { get; init; }

    /// <summary>Coefficient of variation of the weekly mean scores, by week of decision.</summary>
    public required double WeeklyVariation { get; init; }

    /// <summary>Largest difference in mean score (0 to 1) between age bands.</summary>
    public required double AgeBias { get; init; }

    /// <summary>Largest difference in mean score (0 to 1) between genders.</summary>
    public required double GenderBias { get; init; }

    /// <summary>Largest difference in mean score (0 to 1) between states.</summary>
    public required double LocationBias { get; init; }

    /// <summary>Each figure that has a target.</summary>
    public IReadOnlyList<DemoTarget> Targets =>
    [
        new("ROC AUC", Auc, 0.85, true),
        new("precision of grade A", PrecisionOfA, 0.80, true),
        new("recall at 0.5", RecallAtHalf, 0.75, true),
        new("F1 at 0.5", F1AtHalf, 0.78, true),
        new("recall at the best threshold", RecallAtBest, 0.75, true),
        new("F1 at the best threshold", F1AtBest, 0.78, true),
        new("Pearson of score and conversion", Pearson, 0.6, true),
        new("standard deviation of scores", ScoreDeviation, 15, true),
        new("weekly variation of scores", WeeklyVariation, 0.15, false),
        new("difference by age band", AgeBias, 0.1, false),
        new("difference by gender", GenderBias, 0.1, false),
        new("difference by location", LocationBias, 0.1, false),
    ];
}

/// <summary>What the truth of the demo world amounts to.</summary>
public static class DemoTruth
{
    private const double WeekMs = 7.0 * 86_400_000;
    private const int SmallestGroup = 30;
    private static readonly double[] AgeBands = [25, 35, 45, 55, 65];

    private readonly record struct Row(double Probability, bool Converted, long Week, int AgeBand, string? Gender, string? State);

    /// <summary>The figures of a scorer whose score is 100 times the true probability.</summary>
    /// <param name="leads">Leads with an outcome; each is read once and let go. Groups and weeks of fewer than 30 leads are left out of their comparisons.</param>
    /// <exception cref="ArgumentException">A lead is open, or all leads or none converted.</exception>
    public static DemoFigures PerfectScorer(IEnumerable<DemoLead> leads)
    {
        Row[] rows = [.. leads.Select(ToRow)];
        // Best first; ties cannot be told apart, so the curve below moves only where the probability changes.
        Array.Sort(rows, static (a, b) => b.Probability.CompareTo(a.Probability));
        var converted = rows.Count(r => r.Converted);
        if (converted == 0 || converted == rows.Length) throw new ArgumentException("needs both converted and lost leads", nameof(leads));
        var (auc, best) = Curve(rows, converted);
        var half = At(rows, converted, 0.5);
        var top = At(rows, converted, best);
        // Grades go by the score as shown, with one decimal.
        var gradeA = rows.Where(r => Math.Round(r.Probability * 100, 1) >= 85).ToList();
        return new DemoFigures
        {
            Leads = rows.Length,
            BaseRate = converted / (double)rows.Length,
            Auc = auc,
            LogLoss = -rows.Average(r => Math.Log(r.Converted ? r.Probability : 1 - r.Probability)),
            Ece = rows.GroupBy(r => Math.Min(9, (int)(r.Probability * 10))).Sum(g => Math.Abs(g.Sum(r => r.Probability - (r.Converted ? 1 : 0)))) / rows.Length,
            PrecisionOfA = gradeA.Count == 0 ? double.NaN : gradeA.Count(r => r.Converted) / (double)gradeA.Count,
            ShareOfA = gradeA.Count / (double)rows.Length,
            PrecisionAtHalf = half.Precision,
            RecallAtHalf = half.Recall,
            F1AtHalf = half.F1,
            BestThreshold = best,
            RecallAtBest = top.Recall,
            F1AtBest = top.F1,
            Pearson = Pearson(rows, converted),
            ScoreDeviation = 100 * Deviation([.. rows.Select(r => r.Probability)]),
            WeeklyVariation = WeeklyVariation(rows),
            AgeBias = Difference(rows.Where(r => r.AgeBand >= 0).GroupBy(r => r.AgeBand)),
            GenderBias = Difference(rows.Where(r => r.Gender is not null).GroupBy(r => r.Gender)),
            LocationBias = Difference(rows.Where(r => r.State is not null).GroupBy(r => r.State)),
        };
    }

    private static Row ToRow(DemoLead lead)
    {
        var outcome = lead.Outcome ?? throw new ArgumentException($"lead {lead.LeadId} is open");
        var age = lead.Attributes.TryGetValue("age", out var years) ? AgeBands.Count(b => years.AsNumber() >= b) : -1;
        return new Row(lead.TrueProbability, outcome.Converted, (long)Math.Floor(lead.DecisionMs / WeekMs), age, Text("gender"), Text("state"));

        string? Text(string name) => lead.Attributes.TryGetValue(name, out var value) ? value.AsText() : null;
    }

    /// <summary>Area under the ROC curve by trapezoids, and the threshold of the highest F1. Rows best first.</summary>
    private static (double Auc, double BestThreshold) Curve(Row[] rows, int converted)
    {
        double area = 0, bestF1 = -1, best = 0.5;
        int hits = 0, misses = 0;
        for (var i = 0; i < rows.Length;)
        {
            int newHits = 0, newMisses = 0;
            var p = rows[i].Probability;
            for (; i < rows.Length && rows[i].Probability == p; i++)
            {
                if (rows[i].Converted) newHits++;
                else newMisses++;
            }

            area += newMisses * (hits + (newHits / 2.0));
            hits += newHits;
            misses += newMisses;
            var f1 = 2.0 * hits / (hits + misses + converted);
            if (f1 > bestF1) (bestF1, best) = (f1, p);
        }

        return (area / ((double)converted * (rows.Length - converted)), best);
    }

    private static (double Precision, double Recall, double F1) At(Row[] rows, int converted, double threshold)
    {
        var taken = rows.Count(r => r.Probability >= threshold);
        var hits = rows.Count(r => r.Probability >= threshold && r.Converted);
        return (taken == 0 ? double.NaN : hits / (double)taken, hits / (double)converted, 2.0 * hits / (taken + converted));
    }

    private static double Pearson(Row[] rows, int converted)
    {
        var rate = converted / (double)rows.Length;
        var covariance = rows.Average(r => r.Probability * ((r.Converted ? 1 : 0) - rate));
        return covariance / (Deviation([.. rows.Select(r => r.Probability)]) * Math.Sqrt(rate * (1 - rate)));
    }

    private static double WeeklyVariation(Row[] rows)
    {
        double[] means = [.. rows.GroupBy(r => r.Week).Where(g => g.Count() >= SmallestGroup).Select(g => g.Average(r => r.Probability))];
        return means.Length < 2 ? double.NaN : Deviation(means) / means.Average();
    }

    private static double Difference<TKey>(IEnumerable<IGrouping<TKey, Row>> groups)
    {
        double[] means = [.. groups.Where(g => g.Count() >= SmallestGroup).Select(g => g.Average(r => r.Probability))];
        return means.Length < 2 ? double.NaN : means.Max() - means.Min();
    }

    private static double Deviation(double[] values)
    {
        var mean = values.Average();
        return Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
    }
}
