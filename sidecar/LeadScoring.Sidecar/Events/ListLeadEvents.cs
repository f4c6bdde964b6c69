using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Events;

internal static class ListLeadEvents
{
    private const int MaxLimit = 200;

    /// <param name="Counts">Whether it goes into the lead's features; machines' events do not.</param>
    /// <param name="WhyNot">declared, user_agent, host or burst; absent when it counts.</param>
    public sealed record Item(string EventId, string Type, string Source, DateTimeOffset OccurredAt, DateTimeOffset ReceivedAt, JsonElement? Properties, bool Counts, BotReason? WhyNot = null);

    /// <param name="Counted">Events of the lead that count.</param>
    /// <param name="NotCounted">Events of the lead that are kept and do not count.</param>
    /// <param name="NextCursor">Hand it back as cursor for the next page; absent on the last one.</param>
    public sealed record Response(string LeadId, int Counted, int NotCounted, IReadOnlyList<Item> Events, string? NextCursor);

    private sealed record Row
    {
        public string EventId { get; init; } = "";
        public string Type { get; init; } = "";
        public string Source { get; init; } = "";
        public long OccurredAtMs { get; init; }
        public long ReceivedAtMs { get; init; }
        public string? Properties { get; init; }
    }

    internal static string Sql(bool hasCursor) =>
        $"""
            select event_id as EventId, type as Type, source as Source, occurred_at_ms as OccurredAtMs, received_at_ms as ReceivedAtMs, properties as Properties
            from events where organization_id = @OrganizationId and lead_id = @leadId {(!hasCursor ? "" : "and (occurred_at_ms, event_id) < (@beforeMs, @beforeId)")}
            order by occurred_at_ms desc, event_id desc limit @take
            """;

    internal static async Task<Ok<Response>> HandleAsync(
        string leadId,
        Caller caller,
        LeadStore leads,
        Database database,
        CancellationToken cancellationToken,
        [Description("1 to 200; default 50.")] int limit = 50,
        [Description("next_cursor of the page before.")] string? cursor = null)
    {
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit}.");
        var (beforeMs, beforeId) = ReadCursor(cursor);
        var lead = await leads.GetAsync(caller.OrganizationId, leadId, cancellationToken) ?? throw GetLead.Unknown();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(Sql(cursor is not null), new { caller.OrganizationId, leadId, beforeMs, beforeId, take = limit + 1 }, cancellationToken: cancellationToken))).AsList();
        var activity = lead.Snapshot.Activity;
        return TypedResults.Ok(new Response(
            leadId, activity.Events, activity.BotEvents + activity.BurstEvents, [.. rows.Take(limit).Select(r => ItemOf(r, activity))], rows.Count > limit ? WriteCursor(rows[limit - 1]) : null));
    }

    private static Item ItemOf(Row r, ActivityState activity)
    {
        // The lead's own state tells, so that what is shown is what was folded.
        var whyNot = activity.WhyNotCounted(new ActivityEvent(r.EventId, r.Type, r.Source, r.OccurredAtMs, EventProperties.FromJson(r.Properties)));
        return new Item(r.EventId, r.Type, r.Source, Moment.Of(r.OccurredAtMs), Moment.Of(r.ReceivedAtMs), r.Properties is null ? null : JsonElement.Parse(r.Properties), whyNot is null, whyNot);
    }

    private static string WriteCursor(Row last) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{last.OccurredAtMs}\n{last.EventId}")));

    private static (long BeforeMs, string BeforeId) ReadCursor(string? cursor)
    {
        if (cursor is null) return (0, "");
        if (cursor.Length < 2_000 && Base64Url.IsValid(cursor) && Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('\n') is [var ms, var id] && long.TryParse(ms, CultureInfo.InvariantCulture, out var beforeMs))
            return (beforeMs, id);
        throw ProblemException.Invalid("?cursor", "The cursor is none of this list. Start again without it.");
    }
}
