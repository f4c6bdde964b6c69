namespace LeadScoring.Ml.Experiments;

/// <summary>What the rule says.</summary>
public enum ExperimentVerdict
{
    /// <summary>Not enough is known yet.</summary>
    Open,

    /// <summary>The challenger is shown to be better than the margin asks.</summary>
    Promote,

    /// <summary>The challenger is shown not to be.</summary>
    Keep,

    /// <summary>Leads of the challenger's arm are shown to convert worse than the guardrail allows.</summary>
    Harm,
}

/// <summary>What leads whose horizon is over say by the rule.</summary>
public sealed record ExperimentReading
{
    /// <summary>What the rule says: the first that it said, lead by lead, whoever looked when.</summary>
    public required ExperimentVerdict Verdict { get; init; }

    /// <summary>Leads at that verdict; null while it is open.</summary>
    public int? DecidedAfter { get; init; }

    /// <summary>Leads counted: all of them, or up to the rule's largest number.</summary>
    public required int Leads { get; init; }

    /// <summary>Leads of the challenger's arm; 0 in a shadow.</summary>
    public required int ChallengerLeads { get; init; }

    /// <summary>Of the counted leads: converted.</summary>
    public required int Converted { get; init; }

    /// <summary>Of the challenger's arm: converted.</summary>
    public required int ChallengerConverted { get; init; }

    /// <summary>Observations that they gave.</summary>
    public required int Observations { get; init; }

    /// <summary>Challenger's gain over the champion in the unit of the metric; NaN without observations.</summary>
    public required double Gain { get; init; }

    /// <summary>Interval for the gain that holds however often one looks, at level 1 - alpha.</summary>
    public required MeanBounds Interval { get; init; }

    /// <summary>Logarithm of the e-value for "the challenger is better than the margin asks".</summary>
    public required double LogEvidenceFor { get; init; }

    /// <summary>Logarithm of the e-value for "it is not".</summary>
    public required double LogEvidenceAgainst { get; init; }

    /// <summary>Reads the leads one by one and stops at the first verdict; figures are of all counted leads.</summary>
    /// <remarks>Of alpha, half is for promoting and a quarter each for keeping the champion and for harm: together no more than alpha where the models are as good as each other and the margin is 0.</remarks>
    /// <param name="kind">Kind of experiment.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="share">Challenger's share in a split, in (0, 1).</param>
    /// <param name="leads">Leads whose horizon is over, in the order of exposure.</param>
    public static ExperimentReading Of(ExperimentKind kind, ExperimentRule rule, double share, IReadOnlyList<TestedLead> leads)
    {
        TestedLead[] counted = [.. leads.Take(rule.MostLeads)];
        var (verdict, after, better, worse) = Judge(kind, rule, share, counted);
        Gain[] gains = [.. Steps(kind, rule, share, counted).Select(s => s.Gain)];
        return new ExperimentReading
        {
            Verdict = verdict, DecidedAfter = after, Leads = counted.Length, ChallengerLeads = counted.Count(l => l.IsChallenger), Converted = counted.Count(l => l.Converted),
            ChallengerConverted = counted.Count(l => l is { IsChallenger: true, Converted: true }), Observations = gains.Length, Gain = gains.Length == 0 ? double.NaN : gains.Average(g => g.Value),
            Interval = MeanBounds.Of(gains, rule.Alpha), LogEvidenceFor = better.LogEvidence, LogEvidenceAgainst = worse.LogEvidence,
        };
    }

    /// <summary>The verdict alone, without figures.</summary>
    /// <inheritdoc cref="Of" />
    internal static (ExperimentVerdict Verdict, int? After) VerdictOf(ExperimentKind kind, ExperimentRule rule, double share, IReadOnlyList<TestedLead> leads)
    {
        var (verdict, after, _, _) = Judge(kind, rule, share, leads);
        return (verdict, after);
    }

    private static (ExperimentVerdict Verdict, int? After, MeanTest Better, MeanTest Worse) Judge(ExperimentKind kind, ExperimentRule rule, double share, IReadOnlyList<TestedLead> leads)
    {
        MeanTest better = new(-rule.Margin), worse = new(rule.Margin);
        // Seen before the other verdicts: who is harmed need not wait for a block to be full.
        var harmedAfter = HarmedAfter(kind, rule, share, leads) ?? int.MaxValue;
        var (verdict, after) = (ExperimentVerdict.Open, (int?)null);
        foreach (var (at, gain) in Steps(kind, rule, share, leads))
        {
            better.Add(gain);
            worse.Add(-gain);
            if (verdict != ExperimentVerdict.Open || harmedAfter <= at) continue;
            if (better.IsShown(rule.Alpha / 2)) (verdict, after) = (ExperimentVerdict.Promote, at);
            else if (worse.IsShown(rule.Alpha / 4)) (verdict, after) = (ExperimentVerdict.Keep, at);
        }

        if (verdict == ExperimentVerdict.Open && harmedAfter < int.MaxValue) (verdict, after) = (ExperimentVerdict.Harm, harmedAfter);
        return (verdict, after, better, worse);
    }

    private static IEnumerable<(int Leads, Gain Gain)> Steps(ExperimentKind kind, ExperimentRule rule, double share, IReadOnlyList<TestedLead> leads) => (kind, rule.Metric) switch
    {
        (_, ExperimentMetric.Lift) => Gains.OfTop(leads, kind == ExperimentKind.Split, rule.Capacity),
        (ExperimentKind.Shadow, _) => Gains.OfLoss(leads),
        (ExperimentKind.Split, _) => Gains.OfArms(leads, share),
        _ => Gains.OfPairs(leads),
    };

    private static int? HarmedAfter(ExperimentKind kind, ExperimentRule rule, double share, IReadOnlyList<TestedLead> leads)
    {
        if (kind == ExperimentKind.Shadow) return null;
        var harm = new MeanTest(rule.Guardrail);
        foreach (var (at, gain) in kind == ExperimentKind.Interleaved ? Gains.OfPairs(leads) : Gains.OfArms(leads, share))
        {
            harm.Add(-gain);
            if (harm.IsShown(rule.Alpha / 4)) return at;
        }

        return null;
    }
}
