using System.ComponentModel;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Records that could not be written.</summary>
internal static class DeadLetters
{
    /// <param name="Reason">The vendor's code.</param>
    public sealed record Item(string RecordId, string LeadId, int Attempts, string? Reason);

    public sealed record Response(IReadOnlyList<Item> DeadLetters);

    /// <param name="Replayed">Records that are tried again, with all their tries.</param>
    public sealed record Replayed(int Count);

    internal static async Task<Ok<Response>> ListAsync(
        string name, Caller caller, ConnectorAccounts accounts, WriteBackStore store, CancellationToken cancellationToken, [Description("1 to 1,000.")] int limit = 100)
    {
        if (limit is < 1 or > 1_000) throw ProblemException.Invalid("?limit", "1 to 1,000.");
        var rows = await store.DeadAsync(ListConnectors.Find(accounts, caller, name), limit, cancellationToken);
        return TypedResults.Ok(new Response([.. rows.Select(r => new Item(r.RecordId, r.LeadId, r.Attempts, r.Failure))]));
    }

    internal static async Task<Ok<Replayed>> ReplayAsync(
        string name, Caller caller, ConnectorAccounts accounts, WriteBackStore store, CancellationToken cancellationToken, [Description("One record; absent: all of them.")] string? record_id = null) =>
        TypedResults.Ok(new Replayed(await store.ReplayAsync(ListConnectors.Find(accounts, caller, name), record_id, cancellationToken)));
}
