using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Leads;

internal static class ListLeads
{
    private const int MaxLimit = 200;

    public sealed record Item(string LeadId, JsonElement Attributes, DateTimeOffset? CreatedAt, DateTimeOffset UpdatedAt, bool IsStale);

    /// <param name="NextCursor">Hand it back as cursor for the next page; absent on the last one.</param>
    public sealed record Response(IReadOnlyList<Item> Leads, string? NextCursor);

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public string Attributes { get; init; } = "";
        public long? CreatedAtMs { get; init; }
        public long UpdatedAtMs { get; init; }
        public bool IsStale { get; init; }
    }

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller,
        Database database,
        CancellationToken cancellationToken,
        [Description("lead_id (default), updated_at, or -updated_at for the newest first.")] string? order = null,
        [Description("1 to 200; default 50.")] int limit = 50,
        [Description("next_cursor of the page before; same order and filters.")] string? cursor = null,
        [Description("Only leads changed at or after this moment.")] string? updated_since = null,
        [Description("Only leads that have (true) or have not (false) changed since they were scored.")] bool? is_stale = null)
    {
        order ??= "lead_id";
        if (order is not ("lead_id" or "updated_at" or "-updated_at")) throw ProblemException.Invalid("?order", "order is lead_id, updated_at or -updated_at.");
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit}.");
        var sinceMs = 0L;
        if (updated_since is not null && !DateText.TryParse(updated_since, out sinceMs)) throw ProblemException.Invalid("?updated_since", "updated_since must be a moment such as 2026-05-31T14:00:00Z.");
        var (afterMs, afterId) = ReadCursor(cursor, order);
        var sql = $"""
            select lead_id as LeadId, attributes as Attributes, created_at_ms as CreatedAtMs, updated_at_ms as UpdatedAtMs, is_stale as IsStale
            from leads
            where organization_id = @OrganizationId
            {(updated_since is null ? "" : "and updated_at_ms >= @sinceMs")}
            {(is_stale is null ? "" : "and is_stale = @stale")}
            {(cursor is null ? "" : After(order))}
            order by {order switch { "lead_id" => "lead_id", "updated_at" => "updated_at_ms, lead_id", _ => "updated_at_ms desc, lead_id desc" }}
            limit @take
            """;
        var parameters = new { caller.OrganizationId, sinceMs, stale = is_stale == true ? 1 : 0, afterMs, afterId, take = limit + 1 };
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken))).AsList();
        var next = rows.Count > limit ? WriteCursor(order, rows[limit - 1]) : null;
        return TypedResults.Ok(new Response(
            [.. rows.Take(limit).Select(r => new Item(r.LeadId, JsonElement.Parse(r.Attributes), Moment.Of(r.CreatedAtMs), Moment.Of(r.UpdatedAtMs), r.IsStale))], next));
    }

    // Row values compare as one: pages neither skip nor repeat a lead when moments are equal.
    private static string After(string order) => order switch
    {
        "lead_id" => "and lead_id > @afterId",
        "updated_at" => "and (updated_at_ms, lead_id) > (@afterMs, @afterId)",
        _ => "and (updated_at_ms, lead_id) < (@afterMs, @afterId)",
    };

    private static string WriteCursor(string order, Row last) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{order}\n{last.UpdatedAtMs}\n{last.LeadId}")));

    private static (long AfterMs, string AfterId) ReadCursor(string? cursor, string order)
    {
        if (cursor is null) return (0, "");
        if (cursor.Length < 2_000 && Base64Url.IsValid(cursor))
        {
            var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('\n');
            if (parts.Length == 3 && parts[0] == order && long.TryParse(parts[1], out var afterMs)) return (afterMs, parts[2]);
        }

        throw ProblemException.Invalid("?cursor", "The cursor is not one of this order. Start again without it.");
    }
}
