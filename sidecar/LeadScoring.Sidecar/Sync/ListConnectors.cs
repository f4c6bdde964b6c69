using System.ComponentModel;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Sync;

internal static class ListConnectors
{
    /// <param name="IsCaughtUp">The first walk through the account is over.</param>
    /// <param name="Records">Records that came in.</param>
    /// <param name="LagSeconds">Since the last page.</param>
    public sealed record Stream(string Name, bool IsCaughtUp, long Records, DateTimeOffset LastPageAt, long LagSeconds);

    /// <param name="UsedToday">Requests since midnight UTC.</param>
    /// <param name="LeftToday">Absent when the vendor has no daily limit.</param>
    /// <param name="Reserve">Requests that are kept for write-back.</param>
    public sealed record Budget(long UsedToday, long? LeftToday, long Reserve, DateTimeOffset? PausedUntil);

    /// <param name="Name">Name of the account in the settings.</param>
    /// <param name="IsConnected">The last sync ended well.</param>
    /// <param name="LastSyncAt">The last one that did; absent before.</param>
    /// <param name="Waiting">Notices of webhooks, and activity of people not known yet, that wait.</param>
    /// <param name="PendingWrites">Records that are to be written back.</param>
    /// <param name="DeadWrites">Records that could not be: see its dead letters.</param>
    /// <param name="LastError">Absent while all is well.</param>
    /// <param name="WhatToDo">About the error.</param>
    public sealed record Item(
        string Name, bool IsConnected, DateTimeOffset? LastSyncAt, IReadOnlyList<Stream> Streams, long Waiting, long PendingWrites, long DeadWrites, Budget? Budget, string? LastError, DateTimeOffset? LastErrorAt,
        string? WhatToDo);

    public sealed record Response([property: Description("Accounts of the settings, LEADSCORING__CONNECTORS__{NAME}__...")] IReadOnlyList<Item> Connectors);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, ConnectorAccounts accounts, ConnectorStateStore state, InboundStore inbound, WriteBackStore writes, TimeProvider time, CancellationToken cancellationToken)
    {
        var streams = (await state.StreamsAsync(caller.OrganizationId, cancellationToken)).ToLookup(s => s.Connector);
        var status = await state.StatusAsync(caller.OrganizationId, cancellationToken);
        var items = new List<Item>();
        foreach (var account in accounts.Of(caller.OrganizationId))
        {
            var row = status.GetValueOrDefault(account.Name);
            var (pending, dead) = await writes.CountAsync(account, cancellationToken);
            var (budget, fault) = BudgetOf(accounts, account);
            var error = fault?.Message ?? row?.LastFailure;
            items.Add(new Item(
                account.Name, error is null && row?.LastSyncMs is not null, Moment.Of(row?.LastSyncMs),
                [.. streams[account.Name].Select(s => new Stream(s.Stream, s.IsCaughtUp, s.Records, Moment.Of(s.UpdatedAtMs), Math.Max(0, (time.NowMs() - s.UpdatedAtMs) / 1_000)))],
                await inbound.WaitingAsync(account, cancellationToken), pending, dead, budget, error, error is null || fault is not null ? null : Moment.Of(row?.LastFailureMs), fault?.Advice ?? (error is null ? null : row?.Advice)));
        }

        return TypedResults.Ok(new Response(items));
    }

    private static (Budget? Budget, ConnectorException? Fault) BudgetOf(ConnectorAccounts accounts, ConnectorAccount account)
    {
        try
        {
            var b = accounts.Connector(account).Budget.Status;
            return (new Budget(b.UsedToday, b.LeftToday, b.Reserve, b.PausedUntil), null);
        }
        catch (ConnectorException e)
        {
            return (null, e);
        }
    }

    /// <exception cref="ProblemException">The organization has no such account.</exception>
    internal static ConnectorAccount Find(ConnectorAccounts accounts, Caller caller, string name) =>
        accounts.Of(caller.OrganizationId).FirstOrDefault(a => a.Name == name) ?? throw new ProblemException(ProblemKind.NotFound, "The organization has no such connector. GET /v1/connectors lists them.");
}
