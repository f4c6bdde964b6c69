using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LeadScoring.Ml.Experiments;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>The rule of an experiment as it is asked for; what is left out is the default.</summary>
public record ExperimentRequest(
    [property: Required, Description("shadow: the challenger scores the same leads and nobody sees it. split: a share of the leads gets its scores. interleaved: one call list out of both rankings (GET /v1/call-queue), for small teams.")] ExperimentKind? Kind,
    [property: Description("conversion (split, interleaved), log_loss (shadow) or lift (shadow, split): conversion among the leads called first. Default log_loss for a shadow, else conversion.")] ExperimentMetric? Metric = null,
    [property: Description("Split: share of new leads for the challenger, 0.05 to 0.95. Default 0.5.")] double? Share = null,
    [property: Description("By how much the challenger may be worse and still win, in the unit of the metric, 0 to 1. Default 0: it must be shown to be better.")] double? Margin = null,
    [property: Description("Probability of any wrong decision between equal models, however often one looks, 0.001 to 0.2. Default 0.05.")] double? Alpha = null,
    [property: Description("Conversion rate that may be lost in the challenger's arm before it is stopped for harm, 0 to 1. Default 0.02.")] double? Guardrail = null,
    [property: Description("Days after its first score within which a lead must convert, 1 to 3650. Default: the profile's horizon.")] int? HorizonDays = null,
    [property: Description("Share of the leads that is called, 0.01 to 0.5; for lift, and for what an interleaved list takes. Default 0.1.")] double? Capacity = null,
    [property: Description("Most leads that are counted, 20 to 1,000,000; then the champion stays. Default 20,000.")] int? MostLeads = null,
    [property: Description("Most weeks, 1 to 520; then the champion stays. Default 52.")] int? MostWeeks = null,
    [property: Description("Smallest effect worth finding, in the unit of the metric: the forecast is made for it. Default 0.02.")] double? Effect = null)
{
    internal const double EvenShare = 0.5;
    private const double LeastShare = 0.05;

    internal (ExperimentKind Kind, ExperimentRule Rule, double Share) Read(ActiveProfile profile)
    {
        var (kind, defaults) = (Kind!.Value, new ExperimentRule());
        var rule = new ExperimentRule
        {
            Metric = Metric ?? (kind == ExperimentKind.Shadow ? ExperimentMetric.LogLoss : ExperimentMetric.Conversion), Margin = Margin ?? defaults.Margin, Alpha = Alpha ?? defaults.Alpha,
            Guardrail = Guardrail ?? defaults.Guardrail, HorizonDays = HorizonDays ?? profile.Profile.HorizonDays, Capacity = Capacity ?? defaults.Capacity, MostLeads = MostLeads ?? defaults.MostLeads,
            MostWeeks = MostWeeks ?? defaults.MostWeeks, Effect = Effect ?? defaults.Effect,
        };
        var share = Share ?? EvenShare;
        if (!(share >= LeastShare && share <= 1 - LeastShare)) throw ProblemException.Invalid("/share", $"share is {LeastShare} to {1 - LeastShare}.");
        if (Share is not null && kind != ExperimentKind.Split) throw ProblemException.Invalid("/share", "Only a split shares leads out; leave share away.");
        if (rule.Fault(kind) is { } fault) throw ProblemException.Invalid("/" + fault.Member, fault.Fault);
        return (kind, rule, share);
    }
}
