using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Leads;

internal static class GetLead
{
    /// <param name="Events">Events that count.</param>
    /// <param name="BotEvents">Events of machines by themselves: is_bot, user agent or host. Kept, not counted.</param>
    /// <param name="BurstEvents">Opens and clicks faster than a person can. Kept, not counted.</param>
    public sealed record Activity(int Events, int Visits, DateTimeOffset? FirstAt, DateTimeOffset? LastAt, IReadOnlyDictionary<string, int> Types, int BotEvents, int BurstEvents);

    /// <param name="Revision">Grows with every change of attributes or activity.</param>
    /// <param name="IsStale">Changed since it was last scored.</param>
    /// <param name="Score">Latest score of the machine; absent before the first.</param>
    /// <param name="Override">What a person says instead, beside it; absent when nobody does.</param>
    public sealed record Response(
        string LeadId, JsonElement Attributes, Activity Activity, DateTimeOffset? CreatedAt, DateTimeOffset UpdatedAt, long Revision, bool IsStale, double? Score, string? Grade, LeadOverride? Override);

    private sealed record Row
    {
        public string Attributes { get; init; } = "";
        public byte[] Activity { get; init; } = [];
        public long? CreatedAtMs { get; init; }
        public long UpdatedAtMs { get; init; }
        public long Revision { get; init; }
        public bool IsStale { get; init; }
        public double? Score { get; init; }
        public string? Grade { get; init; }
    }

    internal static async Task<Ok<Response>> HandleAsync(string leadId, Caller caller, Database database, OverrideStore overrides, CancellationToken cancellationToken)
    {
        const string Sql = """
            select attributes as Attributes, activity as Activity, created_at_ms as CreatedAtMs, updated_at_ms as UpdatedAtMs, revision as Revision, is_stale as IsStale,
                   score as Score, grade as Grade
            from leads where organization_id = @OrganizationId and lead_id = @leadId
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(Sql, new { caller.OrganizationId, leadId }, cancellationToken: cancellationToken))
            ?? throw Unknown();
        return TypedResults.Ok(new Response(
            leadId, JsonElement.Parse(row.Attributes), Summary(ActivityState.FromBytes(row.Activity)), Moment.Of(row.CreatedAtMs), Moment.Of(row.UpdatedAtMs), row.Revision, row.IsStale,
            row.Score, row.Grade, LeadOverride.Of(await overrides.CurrentAsync(caller.OrganizationId, leadId, cancellationToken))));
    }

    internal static ProblemException Unknown() =>
        new(ProblemKind.NotFound, "The organization has no lead with this id. Store it with PUT /v1/leads/{lead_id}, or send its events.");

    private static Activity Summary(ActivityState state) => new(
        state.Events, state.Visits,
        state.FirstOwnMs == long.MaxValue ? null : Moment.Of(state.FirstOwnMs),
        state.LastOwnMs == long.MinValue ? null : Moment.Of(state.LastOwnMs),
        state.Types.ToDictionary(t => t.Key, t => t.Value.Count), state.BotEvents, state.BurstEvents);
}
