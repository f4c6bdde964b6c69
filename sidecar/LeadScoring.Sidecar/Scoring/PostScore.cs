using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

internal static class PostScore
{
    internal static async Task<Ok<ScoreAnswer>> HandleAsync(JsonElement body, Caller caller, ScoreLeads score, TimeProvider time, CancellationToken cancellationToken)
    {
        var item = Read(new ItemReader(body, ""), caller, time.NowMs());
        var outcome = (await score.RunAsync(caller.OrganizationId, [item], cancellationToken))[0];
        if (outcome.HasTooManyAttributes) throw ProblemException.Invalid("/lead", LeadBatch.TooMany);
        return TypedResults.Ok(outcome.Answer ?? throw Unknown());
    }

    internal static ScoreItem Read(ItemReader reader, Caller caller, long nowMs)
    {
        if (!reader.IsObject) throw ProblemException.Invalid(reader.Pointer, "Send an object with lead_id.");
        if (reader.Member("organization_id") is { } organization) caller.Demand(organization.ToString());
        return ScoreItem.Read(reader, caller, nowMs) ?? throw ProblemException.Invalid(reader.Errors);
    }

    internal static ProblemException Unknown() =>
        new(ProblemKind.NotFound, $"{GetLead.Unknown().Message} Or send its attributes inline as \"lead\" in this call.");
}

internal static class GetLeadScore
{
    internal static async Task<Ok<ScoreAnswer>> HandleAsync(string leadId, Caller caller, ScoreLeads score, CancellationToken cancellationToken, bool include_factors = true) =>
        TypedResults.Ok(await score.GetAsync(caller.OrganizationId, leadId, include_factors, cancellationToken));
}
