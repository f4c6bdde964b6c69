using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Sync;

/// <summary>A webhook of a vendor. Who sends it proves by its signature who it is; whatever is not right is refused alike, so that nobody learns which accounts there are.</summary>
internal static class PostInbound
{
    /// <param name="Accepted">Notices that were new.</param>
    public sealed record Response(int Accepted);

    internal static async Task<Results<Ok<Response>, ContentHttpResult>> HandleAsync(
        string connector, HttpContext http, ConnectorAccounts accounts, InboundStore store, LeadsChanged changed, ILogger<SyncWorker> logger, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, cancellationToken);
        if (accounts.Find(connector) is not { } account) throw Refused();
        // What came with the request proves who sent it; a setting must never stand in for that.
        var uri = account.Settings.WebhookUrl is { } known ? new UriBuilder(known) { Query = http.Request.QueryString.Value }.Uri : new Uri(http.Request.GetEncodedUrl());
        var result = Read(accounts, account, new InboundRequest(http.Request.Method, uri, name => http.Request.Headers.TryGetValue(name, out var v) && v.Count == 1 ? v[0] : null, body.ToArray()));
        if (result.Refusal is { } why)
        {
            SyncLog.Refused(logger, account.Name, why);
            throw Refused();
        }

        var accepted = result.Changes.Count == 0 ? 0 : await store.AddAsync(account, result.Changes, cancellationToken);
        changed.Tell();
        return result.Answer is { } answer ? TypedResults.Content(answer.Body, answer.ContentType) : TypedResults.Ok(new Response(accepted));
    }

    private static InboundResult Read(ConnectorAccounts accounts, ConnectorAccount account, InboundRequest request)
    {
        try
        {
            var connector = accounts.Connector(account);
            return connector.Abilities.Inbound ? connector.ReadInbound(request) : InboundResult.Refused("the vendor has no webhooks");
        }
        catch (ConnectorException e)
        {
            return InboundResult.Refused(e.Message);
        }
    }

    private static ProblemException Refused() => new(ProblemKind.Unauthorized, "The request does not prove that it is the vendor's. The log says what was missing; connectors/README.md how the webhook is set up.");
}
