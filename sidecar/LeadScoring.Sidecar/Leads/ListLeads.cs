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

    /// <param name="Score">Latest score; absent before the first.</param>
    /// <param name="IsStale">Changed since it was scored.</param>
    /// <param name="IsOpen">Has no outcome yet.</param>
    /// <param name="Exclusion">Id of the exclusion that held when it was last scored; absent when none did.</param>
    /// <param name="Exploration">True: drawn at random to be worked whatever its score, so that leads like it become known; absent otherwise.</param>
    /// <param name="HoldOut">True: drawn at random for the hold-out, to be worked in the order of arrival, whatever its score; absent otherwise.</param>
    public sealed record Item(
        string LeadId, double? Score, string? Grade, double? ConversionProbability, double? Confidence, int? ModelVersion, string? ScoredBy, DateTimeOffset? ScoredAt,
        JsonElement Attributes, DateTimeOffset? CreatedAt, DateTimeOffset UpdatedAt, bool IsStale, bool IsOpen, string? Exclusion = null, bool? Exploration = null, bool? HoldOut = null);

    /// <param name="NextCursor">Hand it back as cursor for the next page; absent on the last one.</param>
    public sealed record Response(IReadOnlyList<Item> Leads, string? NextCursor);

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public string Attributes { get; init; } = "";
        public long? CreatedAtMs { get; init; }
        public long UpdatedAtMs { get; init; }
        public bool IsStale { get; init; }
        public double? Score { get; init; }
        public string? Grade { get; init; }
        public double? Probability { get; init; }
        public double? Confidence { get; init; }
        public int? ModelVersion { get; init; }
        public string? ScoredBy { get; init; }
        public long? ScoredAtMs { get; init; }
        public long? ClosedAtMs { get; init; }
        public string? Exclusion { get; init; }
        public string? Slice { get; init; }
    }

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller,
        Database database,
        CancellationToken cancellationToken,
        [Description("lead_id (default), updated_at, -updated_at for the newest first, or -score for the best first (leads with a score only; those of the hold-out have no place in it).")] string? order = null,
        [Description("1 to 200; default 50.")] int limit = 50,
        [Description("next_cursor of the page before; same order and filters.")] string? cursor = null,
        [Description("Only leads changed at or after this moment.")] string? updated_since = null,
        [Description("Only leads that have (true) or have not (false) changed since they were scored.")] bool? is_stale = null,
        [Description("Only this grade: A, B, C or D.")] string? grade = null,
        [Description("Only leads without (true) or with (false) an outcome.")] bool? is_open = null,
        [Description("Only leads that are (true) or are not (false) drawn to be worked whatever their score.")] bool? exploration = null,
        [Description("Only leads that are (true) or are not (false) drawn for the hold-out.")] bool? hold_out = null,
        [Description("Only leads whose id begins with this, or whose attributes hold it, whatever the case; 2 to 100 characters.")] string? q = null)
    {
        order ??= "lead_id";
        if (order is not ("lead_id" or "updated_at" or "-updated_at" or "-score")) throw ProblemException.Invalid("?order", "order is lead_id, updated_at, -updated_at or -score.");
        if (grade is not (null or "A" or "B" or "C" or "D")) throw ProblemException.Invalid("?grade", "grade is A, B, C or D.");
        if (order == "-score" && hold_out == true) throw ProblemException.Invalid("?order", "Leads of the hold-out are worked in the order of arrival: list them by lead_id or updated_at.");
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit}.");
        if (q is { Length: < 2 or > 100 }) throw ProblemException.Invalid("?q", "q has 2 to 100 characters.");
        var sinceMs = 0L;
        if (updated_since is not null && !DateText.TryParse(updated_since, out sinceMs)) throw ProblemException.Invalid("?updated_since", "updated_since must be a moment such as 2026-05-31T14:00:00Z.");
        var (afterKey, afterId) = ReadCursor(cursor, order);
        var afterMs = (long)afterKey;
        var sql = Sql(order, updated_since is not null, is_stale, grade is not null, is_open, cursor is not null, exploration, hold_out, q is not null);
        var sought = q?.ToLowerInvariant().Replace(@"\", @"\\").Replace("%", @"\%").Replace("_", @"\_");
        var parameters = new { caller.OrganizationId, sinceMs, afterKey, afterMs, afterId, grade, take = limit + 1, begins = sought + "%", holds = "%" + sought + "%" };
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken))).AsList();
        var next = rows.Count > limit ? WriteCursor(order, rows[limit - 1]) : null;
        return TypedResults.Ok(new Response(
            [.. rows.Take(limit).Select(ToItem)], next));
    }

    /// <summary>Text of the query; truth values stand in it as they are, so that indexes over a part of the leads can be used.</summary>
    internal static string Sql(string order, bool hasSince, bool? isStale, bool hasGrade, bool? isOpen, bool hasCursor, bool? explored = null, bool? heldOut = null, bool isSought = false) =>
        $"""
            select lead_id as LeadId, attributes as Attributes, created_at_ms as CreatedAtMs, updated_at_ms as UpdatedAtMs, is_stale as IsStale,
                   score as Score, grade as Grade, probability as Probability, confidence as Confidence, model_version as ModelVersion, scored_by as ScoredBy,
                   scored_at_ms as ScoredAtMs, closed_at_ms as ClosedAtMs, exclusion as Exclusion, slice as Slice
            from leads
            where organization_id = @OrganizationId
            {(!hasSince ? "" : "and updated_at_ms >= @sinceMs")}
            {(isStale is null ? "" : isStale == true ? "and is_stale = 1" : "and is_stale = 0")}
            {(!hasGrade ? "" : "and grade = @grade")}
            {(isOpen is null ? "" : isOpen == true ? "and closed_at_ms is null" : "and closed_at_ms is not null")}
            {(order == "-score" ? "and score is not null" : "")}
            {(explored is null ? "" : explored == true ? "and slice = 'exploration' and exclusion is null" : "and (slice is null or slice <> 'exploration' or exclusion is not null)")}
            {(heldOut == true ? "and slice = 'hold_out'" : heldOut == false || order == "-score" ? "and (slice is null or slice <> 'hold_out')" : "")}
            {(!isSought ? "" : @"and (lower(lead_id) like @begins escape '\' or lower(attributes) like @holds escape '\')")}
            {(!hasCursor ? "" : After(order))}
            order by {order switch { "lead_id" => "lead_id", "updated_at" => "updated_at_ms, lead_id", "-score" => "score desc, lead_id desc", _ => "updated_at_ms desc, lead_id desc" }}
            limit @take
            """;

    private static Item ToItem(Row r) => new(
        r.LeadId, r.Score, r.Grade, r.Probability is { } p ? Math.Round(p, 6) : null, r.Confidence is { } c ? Math.Round(c, 4) : null, r.ModelVersion, r.ScoredBy, Moment.Of(r.ScoredAtMs),
        JsonElement.Parse(r.Attributes), Moment.Of(r.CreatedAtMs), Moment.Of(r.UpdatedAtMs), r.IsStale, r.ClosedAtMs is null, r.Exclusion, r is { Slice: "exploration", Exclusion: null } ? true : null, r.Slice == "hold_out" ? true : null);

    // Row values compare as one: pages neither skip nor repeat a lead when moments are equal.
    private static string After(string order) => order switch
    {
        "lead_id" => "and lead_id > @afterId",
        "updated_at" => "and (updated_at_ms, lead_id) > (@afterMs, @afterId)",
        "-score" => "and (score, lead_id) < (@afterKey, @afterId)",
        _ => "and (updated_at_ms, lead_id) < (@afterMs, @afterId)",
    };

    private static string WriteCursor(string order, Row last) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{order}\n{(order == "-score" ? last.Score : last.UpdatedAtMs):R}\n{last.LeadId}")));

    private static (double AfterKey, string AfterId) ReadCursor(string? cursor, string order)
    {
        if (cursor is null) return (0, "");
        if (cursor.Length < 2_000 && Base64Url.IsValid(cursor))
        {
            var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('\n');
            if (parts.Length == 3 && parts[0] == order && double.TryParse(parts[1], CultureInfo.InvariantCulture, out var afterKey)) return (afterKey, parts[2]);
        }

        throw ProblemException.Invalid("?cursor", "The cursor is not one of this order. Start again without it.");
    }
}
