using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

internal static class WhatIf
{
    /// <summary>Changed facts; nothing is stored.</summary>
    public sealed record Request(
        [property: Description("Attributes as they would be; null for unknown.")] Dictionary<string, JsonElement>? Lead = null,
        [property: Description("Events that would have happened.")] IReadOnlyList<Events.EventItem>? Events = null,
        [property: Description("Values of features as they would be, whatever attributes and events say; null for unknown.")] Dictionary<string, JsonElement>? Features = null);

    /// <param name="Now">Score of the lead as it is.</param>
    /// <param name="WhatIf">Score with the changed facts.</param>
    /// <param name="PointsGained">Difference in points.</param>
    public sealed record Response(ScoreAnswer Now, ScoreAnswer WhatIf, double PointsGained);

    private static readonly Dictionary<string, AttributeValue> None = [];

    internal static async Task<Ok<Response>> HandleAsync(string leadId, JsonElement body, Caller caller, ScoreLeads score, LeadStore leads, ActiveModels models, TimeProvider time, CancellationToken cancellationToken)
    {
        var reader = new ItemReader(body, "");
        if (!reader.IsObject || (reader.Member("lead") is null && reader.Member("events") is null && reader.Member("features") is null))
            throw ProblemException.Invalid("", "Send the changed facts: an object with lead, events, features, or several of them.");
        var overrides = reader.Member("features") is { } features
            ? FeatureOverrides.Read(reader, features, (await models.GetAsync(caller.OrganizationId, cancellationToken)).Profile)
            : null;
        var item = ScoreItem.ReadFacts(reader, leadId, time.NowMs()) ?? throw ProblemException.Invalid(reader.Errors);
        item = item with { Overrides = overrides, Patch = item.Patch ?? None };
        if (await leads.GetAsync(caller.OrganizationId, leadId, cancellationToken) is null) throw GetLead.Unknown();
        // Both as of this moment and by the same model: against a stored score the passing of time would look like the work of the change.
        var unchanged = item with { Patch = None, Events = [], Overrides = null };
        var outcomes = await score.RunAsync(caller.OrganizationId, [unchanged, item], cancellationToken);
        if (outcomes.Any(o => o.IsRefused)) throw ScoreOutcome.Refused();
        var (now, changed) = (outcomes[0].Answer!, outcomes[1].Answer!);
        return TypedResults.Ok(new Response(now, changed, Math.Round(changed.Score - now.Score, 1)));
    }
}
