using System.ComponentModel;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

internal static class ListAudit
{
    private const int FlushEvery = 500;
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="Actor">key and its id, command and its name, job and its name, or service.</param>
    /// <param name="Subject">What it was done to; a lead by a reference.</param>
    /// <param name="LeadId">Whom the reference stands for; absent when the lead was erased.</param>
    /// <param name="Hash">SHA-256 of the row, which holds the hash of the one before.</param>
    public sealed record Item(long Sequence, DateTimeOffset At, string Kind, string Actor, string? Subject, string? LeadId, JsonElement Detail, string Hash);

    /// <param name="NextCursor">For the page after this one; absent on the last.</param>
    public sealed record Response(IReadOnlyList<Item> Entries, string? NextCursor);

    internal static async Task<IResult> HandleAsync(
        HttpContext http, Caller caller, AuditReader reader, AuditLog log, Database database, CancellationToken cancellationToken,
        [Description("One kind, such as key.created, or a family, such as key.")] string? kind = null,
        [Description("Exactly this actor, such as key 5f0c1a2b3c4d.")] string? actor = null,
        DateTimeOffset? since = null, DateTimeOffset? until = null,
        [Description("1 to 1,000; of a page.")] int limit = 100, string? cursor = null,
        [Description("json or ndjson.")] string format = "json")
    {
        if (limit is < 1 or > 1_000) throw ProblemException.Invalid("?limit", "1 to 1,000.");
        if (kind is { Length: 0 or > 100 }) throw ProblemException.Invalid("?kind", "1 to 100 characters.");
        if (actor is { Length: 0 or > 200 }) throw ProblemException.Invalid("?actor", "1 to 200 characters.");
        if (format is not ("json" or "ndjson")) throw ProblemException.Invalid("?format", "json or ndjson.");
        long before = 0;
        if (cursor is not null && (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out before) || before < 1)) throw ProblemException.Invalid("?cursor", "The cursor is not one of this list. Start again without it.");
        var filter = new AuditFilter(kind, actor, since?.ToUnixTimeMilliseconds(), until?.ToUnixTimeMilliseconds());
        if (format == "ndjson")
        {
            await log.AppendAsync(database, caller.OrganizationId, AuditKind.Exported, "audit log", null, cancellationToken);
            http.Response.ContentType = "application/x-ndjson; charset=utf-8";
            http.Response.Headers.ContentDisposition = "attachment; filename=\"audit.ndjson\"";
            await ExportAsync(reader, caller.OrganizationId, filter, http.Response.Body, cancellationToken);
            return Results.Empty;
        }

        var rows = await reader.ListAsync(caller.OrganizationId, filter, cursor is null ? null : before, limit + 1, cancellationToken);
        var page = rows.Take(limit).Select(Of).ToList();
        return TypedResults.Ok(new Response(page, rows.Count > limit ? page[^1].Sequence.ToString(CultureInfo.InvariantCulture) : null));
    }

    /// <summary>Rows in order, one a line: detail is the text that was hashed, as a string.</summary>
    internal static async Task<long> ExportAsync(AuditReader reader, string organizationId, AuditFilter filter, Stream output, CancellationToken cancellationToken)
    {
        var count = 0L;
        await using var json = new Utf8JsonWriter(output, Relaxed);
        await foreach (var row in reader.ReadAsync(organizationId, filter, cancellationToken))
        {
            json.WriteStartObject();
            json.WriteString("organization_id", organizationId);
            json.WriteNumber("sequence", row.Sequence);
            json.WriteNumber("at_ms", row.AtMs);
            json.WriteString("at", MomentConverter.Text(Moment.Of(row.AtMs)));
            json.WriteString("kind", row.Kind);
            json.WriteString("actor", row.Actor);
            json.WriteString("subject", row.Subject);
            json.WriteString("detail", row.Detail);
            json.WriteString("previous_hash", Convert.ToHexStringLower(row.PreviousHash));
            json.WriteString("hash", Convert.ToHexStringLower(row.Hash));
            json.WriteEndObject();
            await json.FlushAsync(cancellationToken);
            await output.WriteAsync("\n"u8.ToArray(), cancellationToken);
            json.Reset();
            if (++count % FlushEvery == 0) await output.FlushAsync(cancellationToken);
        }

        return count;
    }

    private static Item Of(AuditEntry e) => new(e.Sequence, Moment.Of(e.AtMs), e.Kind, e.Actor, e.Subject, e.LeadId, JsonElement.Parse(e.Detail), Convert.ToHexStringLower(e.Hash));
}
