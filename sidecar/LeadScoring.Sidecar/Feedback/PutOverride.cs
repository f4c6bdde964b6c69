using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Scoring;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Feedback;

internal static class PutOverride
{
    /// <summary>What the documentation shows of the body.</summary>
    public sealed record Request(
        [property: Description("A, B, C or D.")] string Grade,
        [property: Description("Why, 1 to 500 characters.")] string Reason,
        [property: Description("Who, 1 to 200 characters.")] string By,
        [property: Description("Until when it holds. Left out: until it is removed.")] DateTimeOffset? Until = null);

    /// <summary>What the machine had said.</summary>
    public sealed record Machine(double? Score, string? Grade, double? ConversionProbability, int? ModelVersion);

    /// <param name="Machine">Its score when it was overridden; it stays as it is and goes on.</param>
    public sealed record Response(string LeadId, LeadOverride Override, Machine Machine);

    internal static async Task<Ok<Response>> HandleAsync(string leadId, JsonElement body, Caller caller, OverrideStore store, ScoreStore scores, TimeProvider time, CancellationToken cancellationToken)
    {
        var item = new ItemReader(body, "");
        if (!item.IsObject) throw ProblemException.Invalid("", "Send an object with grade, reason and by.");
        var nowMs = time.NowMs();
        var grade = item.Text("grade", 1, required: true);
        if (grade is not (null or "A" or "B" or "C" or "D")) item.Fault("grade", "grade must be A, B, C or D.");
        var reason = item.Text("reason", 500, required: true);
        var by = item.Text("by", 200, required: true);
        var untilMs = item.Moment("until");
        if (untilMs <= nowMs) item.Fault("until", "until must be in the future.");
        if (item.Errors.Count > 0) throw ProblemException.Invalid(item.Errors);
        var latest = await scores.LatestAsync(caller.OrganizationId, leadId, cancellationToken);
        var wanted = new StoredOverride
        {
            LeadId = leadId, Grade = grade!, Reason = reason!, SetBy = by!, SetAtMs = nowMs, UntilMs = untilMs,
            MachineScore = latest?.Score, MachineGrade = latest?.Grade, MachineProbability = latest?.Probability, ModelVersion = latest?.ModelVersion,
        };
        var set = await store.SetAsync(caller.OrganizationId, wanted, cancellationToken) ?? throw GetLead.Unknown();
        return TypedResults.Ok(new Response(leadId, LeadOverride.Of(set)!, new Machine(set.MachineScore, set.MachineGrade, set.MachineProbability is { } p ? Math.Round(p, 6) : null, set.ModelVersion)));
    }
}

internal static class DeleteOverride
{
    internal static async Task<NoContent> HandleAsync(
        string leadId, Caller caller, OverrideStore store, CancellationToken cancellationToken, [Description("Who removes it, 1 to 200 characters; left out: the id of the key.")] string? by = null)
    {
        if (by is not null && ItemReader.Check("by", by, 200) is { } fault) throw ProblemException.Invalid("?by", fault);
        return await store.RemoveAsync(caller.OrganizationId, leadId, by ?? caller.KeyId, cancellationToken) ? TypedResults.NoContent()
            : throw new ProblemException(ProblemKind.NotFound, "No override of this lead holds now.");
    }
}
