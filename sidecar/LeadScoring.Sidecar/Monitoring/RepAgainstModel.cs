using LeadScoring.Ml.Metrics;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>Whether people beat the model where they said otherwise.</summary>
/// <param name="Overrides">Overrides of leads whose outcome is final and came after them.</param>
/// <param name="Differing">Of them those that would have been worked by the one and not by the other: grades A and B are worked, C and D are not.</param>
/// <param name="RepRight">Of those, how often the person was right.</param>
/// <param name="Verdict">rep, model or open: who is better, once the interval says so.</param>
/// <param name="Text">In words.</param>
public sealed record RepAgainstModel(int Overrides, int Differing, ShareOf RepRight, string Verdict, string Text)
{
    /// <summary>Leads count once, by their first override before the outcome.</summary>
    internal static RepAgainstModel Of(IReadOnlyList<StoredOverride> overrides, IReadOnlyDictionary<string, (bool Converted, long OccurredAtMs)> outcomes)
    {
        int known = 0, differing = 0, right = 0;
        foreach (var lead in overrides.Where(o => o.MachineGrade is not null).GroupBy(o => o.LeadId, StringComparer.Ordinal))
        {
            if (!outcomes.TryGetValue(lead.Key, out var outcome) || lead.FirstOrDefault(o => o.SetAtMs < outcome.OccurredAtMs) is not { } first) continue;
            known++;
            if (Works(first.Grade) == Works(first.MachineGrade!)) continue;
            differing++;
            if (Works(first.Grade) == outcome.Converted) right++;
        }

        var share = ShareOf.From(right, differing);
        var verdict = share.Low > 0.5 ? "rep" : share.High < 0.5 ? "model" : "open";
        return new RepAgainstModel(known, differing, share, verdict, verdict switch
        {
            "rep" => $"Where they differed, people were right more often: {right} of {differing}.",
            "model" => $"Where they differed, the model was right more often: {differing - right} of {differing}.",
            _ => differing == 0 ? "No override yet whose lead has a final outcome and would have been worked otherwise by the model." : $"People were right in {right} of {differing} cases where they differed; that does not decide it yet.",
        });
    }

    private static bool Works(string grade) => grade is "A" or "B";
}
