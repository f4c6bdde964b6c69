using System.ComponentModel;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Monitoring;

internal static class GetFairness
{
    internal const string Name = "fairness";
    private const int MostLeads = 20_000;
    private const int FewestRows = 100;

    /// <param name="Decisions">Scored leads with a final outcome that <paramref name="Observed"/> is about: the newest 20,000 at most.</param>
    /// <param name="Observed">Scores as they were at the decision, and what came of them. Groups have at least 100 leads; picked is who had at least the score of grade B.</param>
    /// <param name="InTraining">The champion on rows that it had not seen; absent without a champion.</param>
    /// <param name="AsOf">When the figures were worked out.</param>
    public sealed record Response(DateTimeOffset AsOf, int? ModelVersion, int Decisions, FairnessReport Observed, FairnessReport? InTraining);

    internal static Task<ContentHttpResult> HandleAsync(
        Caller caller, StoredReports reports, CancellationToken cancellationToken,
        [Description("Days to look back, 1 to 3,650; default 365.")] int days = GetBusiness.DefaultDays,
        [Description("Works the figures out now; else those of large organizations are up to two hours old, as as_of says.")] bool fresh = false)
    {
        GetBusiness.Check(days, GetBusiness.DefaultCapacity);
        return reports.GetAsync(
            caller.OrganizationId, Name, GetBusiness.Parameters(days, GetBusiness.DefaultCapacity), fresh, s => MakeAsync(caller.OrganizationId, days, s, cancellationToken), cancellationToken);
    }

    internal static async Task<Response> MakeAsync(string organizationId, int days, ReportSources sources, CancellationToken cancellationToken)
    {
        var nowMs = sources.Time.NowMs();
        var active = await sources.Models.GetAsync(organizationId, cancellationToken);
        var profile = (await sources.Profiles.GetActiveAsync(organizationId, cancellationToken)).Profile;
        var final = (await GetBusiness.FinalAsync(organizationId, sources.Decided, sources.Profiles, nowMs - (days * ActivityState.DayMs), nowMs, cancellationToken)).TakeLast(MostLeads).ToArray();
        var stored = await sources.Leads.GetManyAsync(organizationId, [.. final.Select(f => f.Lead.LeadId)], cancellationToken);
        final = [.. final.Where(f => stored.ContainsKey(f.Lead.LeadId))];
        var (values, sensitive) = Columns(profile, [.. final.Select(f => (stored[f.Lead.LeadId].Snapshot, f.Lead.ScoredAtMs))]);
        var set = new TrainingSet(profile, values, [.. final.Select(f => f.Converted ? 1f : 0f)]);
        var observed = SensitiveGroups.Observed(set, [.. final.Select(f => f.Lead.Score)], sensitive, active.Bundle?.Model.Profile, sources.Scoring.Value.GradeB, FewestRows, seed: 1);
        return new Response(Moment.Of(nowMs), active.Version, final.Length, observed, active.Bundle?.Manifest.Fairness);
    }

    /// <summary>Who a lead is does not hang on the moment, so activity is left as it is by now.</summary>
    private static (FeatureValue[] Values, Dictionary<string, string?[]> Sensitive) Columns(FeatureProfile profile, (LeadSnapshot Lead, long AtMs)[] leads)
    {
        var extractor = new FeatureExtractor(profile);
        var width = profile.Features.Count;
        var values = new FeatureValue[leads.Length * width];
        var sensitive = new Dictionary<string, string?[]>(StringComparer.Ordinal);
        for (var i = 0; i < leads.Length; i++)
        {
            var (lead, atMs) = leads[i];
            extractor.Extract(lead, atMs, values.AsSpan(i * width, width));
            foreach (var name in SensitiveAttributes.Of(profile, lead.Attributes.Keys))
            {
                if (!sensitive.TryGetValue(name, out var column)) sensitive[name] = column = new string?[leads.Length];
                column[i] = lead.Attribute(name).AsText();
            }
        }

        return (values, sensitive);
    }
}
