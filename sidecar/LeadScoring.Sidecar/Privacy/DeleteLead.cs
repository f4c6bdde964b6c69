using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>What has become of an erasure since it was signed.</summary>
/// <param name="Files">In words: what of the person may still be in files of the database, and until when.</param>
/// <param name="FilesCleanAt">Since when nothing is; absent while something may be.</param>
/// <param name="Versions">Model versions that learned from the person, and whether they are still in use.</param>
/// <param name="Refused">How often something of the person was sent again and refused.</param>
/// <param name="LiftedAt">Since when the person may come in again; absent while it is refused.</param>
public sealed record ErasureState(
    string Files, DateTimeOffset? FilesCleanAt, IReadOnlyList<ErasedLearner> Versions, long Refused, DateTimeOffset? LastRefusedAt, DateTimeOffset? LiftedAt = null, string? LiftedBy = null, string? LiftReason = null);

/// <param name="SharedCache">In words: what of the person may still be in Redis, and until when.</param>
public sealed record ErasureAnswer(JsonElement Receipt, ReceiptSignature Signature, string SharedCache, ErasureState State);

internal static class DeleteLead
{
    /// <summary>What may be kept of a lead.</summary>
    internal const string Anonymous = "anonymous";

    internal static async Task<Ok<ErasureAnswer>> HandleAsync(
        string leadId, Caller caller, ErasePerson erase, ErasureStore store, Database database, IOptions<ScoringOptions> scoring, CancellationToken cancellationToken,
        [Description("anonymous: what learning and business figures need stays without the person, under a random id that leads back to nobody. Default: nothing stays.")] string? keep = null)
    {
        if (keep is not (null or Anonymous)) throw ProblemException.Invalid("?keep", $"keep is {Anonymous}, or left out.");
        var done = await erase.RunAsync(caller.OrganizationId, leadId, caller.KeyId, [], keep is not null, cancellationToken) ?? throw GetLead.Unknown();
        return TypedResults.Ok(await AnswerAsync(done, caller.OrganizationId, store, database, scoring.Value, cancellationToken));
    }

    internal static async Task<ErasureAnswer> AnswerAsync(ErasureResult done, string organizationId, ErasureStore store, Database database, ScoringOptions scoring, CancellationToken cancellationToken)
    {
        var shared = done.SharedCache ? "Nothing is left of it." : $"Redis did not answer. Copies of scores that it may have end by themselves within {scoring.ScoreTtl}.";
        var erasure = await store.GetAsync(organizationId, done.ErasureId, cancellationToken);
        return new ErasureAnswer(done.Signed.Receipt, done.Signed.Signature, shared, await StateAsync(erasure!, organizationId, database, cancellationToken));
    }

    internal static async Task<ErasureState> StateAsync(StoredErasure erasure, string organizationId, Database database, CancellationToken cancellationToken)
    {
        var files = erasure.ScrubbedAtMs is not null
            ? database.IsPostgres ? "The rows are gone, their space was given free and the samples of the statistics renewed. Until that space is used again, and in the write-ahead log, bytes may remain: see privacy.md." : "Nothing is left in the database's file or log."
            : database.IsPostgres ? "The rows are gone. Job scrub frees their space in the night." : "The rows are overwritten. Copies in gaps between rows go when nobody reads from before, at the latest with job scrub in the night.";
        return new ErasureState(
            files, Moment.Of(erasure.ScrubbedAtMs), await ErasedLearners.ListAsync(database, organizationId, erasure.ErasureId, cancellationToken), erasure.Refused, Moment.Of(erasure.LastRefusedMs), Moment.Of(erasure.LiftedAtMs),
            erasure.LiftedBy, erasure.LiftReason);
    }
}

internal static class Erasures
{
    public sealed record Item(string ErasureId, string Kind, DateTimeOffset ErasedAt, bool IsLifted, long Refused, IReadOnlyList<int> VersionsInUse);

    public sealed record Page(IReadOnlyList<Item> Erasures, string? Next);

    public sealed record Response(JsonElement Receipt, ReceiptSignature Signature, ErasureState State);

    /// <param name="Reason">Why the person may come in again.</param>
    public sealed record LiftRequest([property: Description("Why the person may come in again, 1 to 500 characters; it is kept with the erasure.")] string Reason);

    internal static async Task<Ok<Page>> ListAsync(
        Caller caller, ErasureStore store, Database database, CancellationToken cancellationToken, [Description("1 to 200; default 50.")] int limit = 50, [Description("The next of the page before.")] string? cursor = null)
    {
        if (limit is < 1 or > 200) throw ProblemException.Invalid("?limit", "limit is 1 to 200.");
        if (cursor is not null && !(cursor.Length is > 0 and <= 64 && cursor.All(char.IsAsciiLetterOrDigit))) throw ProblemException.Invalid("?cursor", "The cursor is not one of this list. Start again without it.");
        var rows = await store.ListAsync(caller.OrganizationId, cursor, limit, cancellationToken);
        var items = new List<Item>(rows.Count);
        foreach (var row in rows)
        {
            var versions = await ErasedLearners.ListAsync(database, caller.OrganizationId, row.ErasureId, cancellationToken);
            items.Add(new Item(row.ErasureId, row.Kind, Moment.Of(row.ErasedAtMs), row.LiftedAtMs is not null, row.Refused, [.. versions.Where(v => v.State != "retired").Select(v => v.Version)]));
        }

        return TypedResults.Ok(new Page(items, rows.Count == limit ? rows[^1].ErasureId : null));
    }

    internal static async Task<Ok<Response>> GetAsync(string erasureId, Caller caller, ErasureStore store, Database database, CancellationToken cancellationToken)
    {
        var erasure = await store.GetAsync(caller.OrganizationId, erasureId, cancellationToken) ?? throw Unknown();
        var signed = SignedReceipt.Read(erasure.Receipt);
        return TypedResults.Ok(new Response(signed.Receipt, signed.Signature, await DeleteLead.StateAsync(erasure, caller.OrganizationId, database, cancellationToken)));
    }

    internal static async Task<Ok<Response>> LiftAsync(
        string erasureId, JsonElement body, Caller caller, ErasureStore store, Database database, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
    {
        var item = new ItemReader(body, "");
        if (!item.IsObject) throw ProblemException.Invalid("", "Send an object: {\"reason\": \"...\"}.");
        var reason = item.Text("reason", 500, required: true);
        if (item.Errors.Count > 0) throw ProblemException.Invalid(item.Errors);
        var isLifted = await database.WriteAsync(async transaction =>
        {
            if (!await ErasureStore.LiftAsync(transaction, caller.OrganizationId, erasureId, caller.KeyId, reason!, time.NowMs(), cancellationToken)) return false;
            await Tombstones.LiftAsync(transaction, caller.OrganizationId, erasureId, cancellationToken);
            audit.Append(transaction, caller.OrganizationId, AuditKind.ErasureLifted, erasureId);
            return true;
        }, cancellationToken);
        if (!isLifted && await store.GetAsync(caller.OrganizationId, erasureId, cancellationToken) is null) throw Unknown();
        return await GetAsync(erasureId, caller, store, database, cancellationToken);
    }

    private static ProblemException Unknown() => new(ProblemKind.NotFound, "The organization has no such erasure. GET /v1/erasures lists them.");
}
