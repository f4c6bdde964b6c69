using LeadScoring.Ml.Experiments;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>What an experiment says so far.</summary>
/// <param name="Leads">Leads in it.</param>
/// <param name="ChallengerLeads">Of them in the challenger's arm; 0 in a shadow.</param>
/// <param name="SampleRatioP">Probability of shares as far off as these by chance; absent in a shadow.</param>
/// <param name="Counted">Leads whose horizon is over: what the rest is about.</param>
/// <param name="Champion">Conversion in the champion's arm; in a shadow of all.</param>
/// <param name="Challenger">Conversion in the challenger's arm; absent in a shadow.</param>
/// <param name="Observations">What the rule counts: leads, pairs of leads or blocks of leads.</param>
/// <param name="Gain">Challenger's gain over the champion in the unit of the metric; absent without observations.</param>
/// <param name="Low">Lower end of the interval for the gain, which holds however often one looks.</param>
/// <param name="High">Upper end.</param>
/// <param name="EvidenceFor">e-value for a challenger better than the rule asks: what whoever bets on it has made of a stake of 1. If it is not so, a value of 20 is ever seen in one of twenty experiments at most.</param>
/// <param name="EvidenceAgainst">e-value for the contrary.</param>
/// <param name="DecidedAfter">Counted leads after which the rule decided.</param>
public sealed record ExperimentFigures(
    int Leads, int ChallengerLeads, double? SampleRatioP, int Counted, ExperimentFigures.Arm Champion, ExperimentFigures.Arm? Challenger, int Observations, double? Gain, double? Low, double? High,
    double EvidenceFor, double EvidenceAgainst, int? DecidedAfter)
{
    /// <param name="Leads">Counted leads.</param>
    /// <param name="Converted">Of them converted within the horizon.</param>
    public sealed record Arm(int Leads, int Converted);

    private const double MostEvidence = 1e12;

    internal static ExperimentFigures Of(StoredExperiment experiment, ExposedLeads leads, ExperimentReading r)
    {
        var (challengers, isShadow) = (leads.Arms.Count(a => a), experiment.ReadKind() == ExperimentKind.Shadow);
        return new ExperimentFigures(
            leads.Arms.Count, challengers, isShadow ? null : SampleRatio.PValue(challengers, leads.Arms.Count - challengers, experiment.Share), r.Leads,
            new Arm(r.Leads - r.ChallengerLeads, r.Converted - r.ChallengerConverted), isShadow ? null : new Arm(r.ChallengerLeads, r.ChallengerConverted), r.Observations,
            Finite(r.Gain), Finite(r.Interval.Low), Finite(r.Interval.High), Evidence(r.LogEvidenceFor), Evidence(r.LogEvidenceAgainst), r.DecidedAfter);
    }

    private static double? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 6) : null;

    private static double Evidence(double log) => Math.Min(MostEvidence, double.Parse(Math.Exp(log).ToString("G4", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture));
}
