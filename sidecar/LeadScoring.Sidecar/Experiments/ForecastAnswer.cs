using LeadScoring.Ml.Experiments;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>Whether an experiment can finish, told before it begins.</summary>
/// <param name="Text">In words.</param>
/// <param name="CanFinish">Within the rule's bounds of leads and weeks, if the effect is what the rule looks for.</param>
/// <param name="Leads">Leads until a verdict is to be expected; absent when no number would do.</param>
/// <param name="Weeks">Weeks until then, the horizon of the last lead included; absent when it never comes.</param>
/// <param name="LeadsPerWeek">New leads a week, of the last eight weeks.</param>
/// <param name="ConversionRate">Share that converts within the horizon, of the half year before it.</param>
/// <param name="WhatWouldHelp">Other experiments and what they would take; empty when this one can finish.</param>
public sealed record ForecastAnswer(string Text, bool CanFinish, double? Leads, double? Weeks, double LeadsPerWeek, double ConversionRate, IReadOnlyList<string> WhatWouldHelp)
{
    // What a model that ranks better by a few points of AUC saves a lead.
    private const double UsualLossEffect = 0.02;

    internal static ForecastAnswer Of(ExperimentKind kind, ExperimentRule rule, double share, LeadFlow flow)
    {
        var own = ExperimentForecast.Of(kind, rule, share, flow);
        return new ForecastAnswer(
            own.Text, own.CanFinish, Finite(own.Leads), Finite(own.Weeks), Math.Round(flow.LeadsPerWeek, 1), Math.Round(flow.ConversionRate, 4), own.CanFinish ? [] : [.. Helps(kind, rule, share, flow)]);
    }

    private static IEnumerable<string> Helps(ExperimentKind kind, ExperimentRule rule, double share, LeadFlow flow)
    {
        if (kind != ExperimentKind.Shadow) yield return Say("A shadow with metric log_loss", ExperimentKind.Shadow, rule with { Metric = ExperimentMetric.LogLoss, Margin = 0, Effect = UsualLossEffect }, share, flow, $" for an effect of {UsualLossEffect} nats a lead");
        if (kind == ExperimentKind.Split && share != 0.5) yield return Say("Half of the leads for each model (share 0.5)", kind, rule, 0.5, flow);
        if (kind == ExperimentKind.Split) yield return Say("An interleaved call list", ExperimentKind.Interleaved, rule with { Metric = ExperimentMetric.Conversion, Effect = 2 * rule.Effect }, 0.5, flow, ", twice the effect, as it lies in the leads that are called,");
        yield return Say("To look for twice the effect", kind, rule with { Effect = Math.Min(1, 2 * rule.Effect) }, share, flow);
        if (rule.HorizonDays > 30) yield return Say("A horizon of 30 days", kind, rule with { HorizonDays = 30 }, share, flow);
    }

    private static string Say(string what, ExperimentKind kind, ExperimentRule rule, double share, LeadFlow flow, string forWhat = "")
    {
        var forecast = ExperimentForecast.Of(kind, rule, share, flow);
        return $"{what}{forWhat}: {char.ToLowerInvariant(forecast.Text[0])}{forecast.Text[1..]}";
    }

    private static double? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 1) : null;
}
