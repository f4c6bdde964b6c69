using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Scoring;

internal static class PostScore
{
    internal static async Task HandleAsync(HttpContext http, ScoreLeads score, TimeProvider time, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(http);
        using var body = await JsonBody.ReadAsync(http, cancellationToken);
        var item = Read(new ItemReader(body.Root, ""), caller, time.NowMs());
        var outcome = (await score.RunAsync(caller.OrganizationId, [item], cancellationToken))[0];
        if (outcome.IsErased) throw new ProblemException(ProblemKind.Conflict, Tombstones.Refusal);
        if (outcome.IsRefused) throw ScoreOutcome.Refused();
        if (outcome.HasTooManyAttributes) throw ProblemException.Invalid("/lead", LeadBatch.TooMany);
        await SendAsync(http, outcome.Answer ?? throw Unknown(), cancellationToken);
    }

    internal static async ValueTask SendAsync(HttpContext http, ScoreAnswer answer, CancellationToken cancellationToken)
    {
        using var buffer = JsonBuffer.Rent();
        AnswerJson.Write(buffer.Json, answer);
        await buffer.SendAsync(http.Response, cancellationToken);
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
    internal static async Task HandleAsync(HttpContext http, string leadId, ScoreLeads score, OverrideStore overrides, CancellationToken cancellationToken, bool include_factors = true)
    {
        var caller = Caller.Of(http);
        var answer = await score.GetAsync(caller.OrganizationId, leadId, include_factors, cancellationToken);
        await PostScore.SendAsync(http, answer with { Override = LeadOverride.Of(await overrides.HeardAsync(caller.OrganizationId, leadId, cancellationToken)) }, cancellationToken);
    }
}
