namespace LeadScoring.Ml.Experiments;

/// <summary>How two models are held against each other.</summary>
public enum ExperimentKind
{
    /// <summary>The challenger scores the champion's leads too; nobody sees it.</summary>
    Shadow,

    /// <summary>A share of the leads gets the challenger's scores.</summary>
    Split,

    /// <summary>One call list out of both rankings; a lead's credit goes to the model that put it there.</summary>
    Interleaved,
}

/// <summary>What decides.</summary>
public enum ExperimentMetric
{
    /// <summary>Share of leads that convert.</summary>
    Conversion,

    /// <summary>Log loss of both models on the same leads, nats a lead.</summary>
    LogLoss,

    /// <summary>Share of conversions among the leads that a model would have called first.</summary>
    Lift,
}

/// <summary>The rule of decision, written down before the first lead.</summary>
public sealed record ExperimentRule
{
    /// <summary>What decides.</summary>
    public ExperimentMetric Metric { get; init; }

    /// <summary>By how much the challenger may be worse and still win, in the unit of the metric. 0 (default): it must be shown to be better. 0 to 1.</summary>
    public double Margin { get; init; }

    /// <summary>Probability of any wrong decision between models that are as good as each other, however often one looks, with a margin of 0. Default 0.05; 0.001 to 0.2.</summary>
    public double Alpha { get; init; } = 0.05;

    /// <summary>Conversion rate that may be lost in the challenger's arm before the experiment is stopped for harm. Default 0.02; 0 to 1. Not looked at in a shadow, which harms nobody.</summary>
    public double Guardrail { get; init; } = 0.02;

    /// <summary>Days after its first score within which a lead must convert to count as converted; before they are over it does not count at all. 1 to 3,650.</summary>
    public int HorizonDays { get; init; } = 90;

    /// <summary>Share of the leads that can be called, for lift. Default 0.1; 0.01 to 0.5.</summary>
    public double Capacity { get; init; } = 0.1;

    /// <summary>Most leads that are counted; then the champion stays. Default 20,000; 20 to 1,000,000.</summary>
    public int MostLeads { get; init; } = 20_000;

    /// <summary>Most weeks from the start; then the champion stays. Default 52; 1 to 520.</summary>
    public int MostWeeks { get; init; } = 52;

    /// <summary>Smallest effect worth finding, in the unit of the metric: the forecast is made for it. Default 0.02; above 0, at most 1.</summary>
    public double Effect { get; init; } = 0.02;

    /// <summary>Checks ranges, and that the metric can be measured by this kind of experiment.</summary>
    /// <param name="kind">Kind of experiment.</param>
    /// <returns>Name of the first member that is wrong and why; null when nothing is.</returns>
    public (string Member, string Fault)? Fault(ExperimentKind kind)
    {
        foreach (var (name, value, least, most) in new[]
        {
            ("margin", Margin, 0.0, 1.0), ("alpha", Alpha, 0.001, 0.2), ("guardrail", Guardrail, 0, 1), ("horizon_days", HorizonDays, 1, 3_650), ("capacity", Capacity, 0.01, 0.5),
            ("most_leads", MostLeads, 20, 1_000_000), ("most_weeks", MostWeeks, 1, 520), ("effect", Effect, 1e-6, 1),
        })
        {
            if (!(value >= least && value <= most)) return (name, FormattableString.Invariant($"{name} is {least} to {most}."));
        }

        return (kind, Metric) switch
        {
            (ExperimentKind.Shadow, ExperimentMetric.Conversion) => ("metric", "A shadow's scores reach nobody, so conversion cannot differ: metric is log_loss or lift."),
            (ExperimentKind.Split, ExperimentMetric.LogLoss) => ("metric", "Log loss is compared on the same leads, which a split has none of: metric is conversion or lift; log_loss needs a shadow."),
            (ExperimentKind.Interleaved, not ExperimentMetric.Conversion) => ("metric", "An interleaved list is judged by what converts: metric is conversion."),
            _ => null,
        };
    }
}

/// <summary>A lead of an experiment whose horizon is over.</summary>
/// <param name="LeadId">Breaks ties between equal scores.</param>
/// <param name="IsChallenger">Arm: whose score it got, or who put it on the list. False in a shadow.</param>
/// <param name="Converted">Within the horizon.</param>
/// <param name="Champion">Champion's probability in [0, 1]; NaN where it was not asked.</param>
/// <param name="Challenger">Challenger's probability in [0, 1]; NaN where it was not asked.</param>
public readonly record struct TestedLead(string LeadId, bool IsChallenger, bool Converted, double Champion, double Challenger);
