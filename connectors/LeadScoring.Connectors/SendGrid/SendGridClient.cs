using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.SendGrid;

/// <summary>Requests to SendGrid's API v3, one method each. Source: Twilio's OpenAPI files (twilio/sendgrid-oai) and, for limits, its changelog and rate limit page.</summary>
internal sealed class SendGridClient : IDisposable
{
    internal const int MessagePage = 1_000;
    internal const int Batch = 100;

    private const double DefaultPerSecond = 5;
    private const double DefaultBurst = 10;

    // Email Activity alone: six requests a minute since December 2025.
    private const double MessagesPerSecond = 6.0 / 60;

    private static readonly Uri Public = new("https://api.sendgrid.com");

    private readonly ConnectorHttp http;
    private readonly RequestBudget messages;

    internal SendGridClient(ConnectorHost host)
    {
        var (account, settings, time) = (host.Account, host.Settings, host.Time);
        var baseUrl = settings.BaseUrl ?? Public;
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        var budget = new RequestBudget(account, perSecond, Math.Max(1, Math.Min(DefaultBurst, 2 * perSecond)), settings.DailyBudget, settings.Reserve, time);
        messages = new RequestBudget(account, MessagesPerSecond, 1, null, 0, time);
        Budget = budget;
        http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => baseUrl, new StaticToken(ConnectorSettings.Required(account, "Token", settings.Token)), budget, (request, token) => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token), settings.Timeout)
            {
                WaitOf = response => Reset(response.Headers, time), Observe = headers => Observe(budget, headers, time),
            },
            time);
    }

    internal RequestBudget Budget { get; }

    /// <summary>Messages whose last event was in the window, at most 1,000 of them: there are no pages.</summary>
    internal async Task<IReadOnlyList<Message>> MessagesAsync(long fromMs, long toMs, int limit, RequestPriority priority, CancellationToken cancellationToken)
    {
        static string Moment(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var query = $"last_event_time BETWEEN TIMESTAMP \"{Moment(fromMs)}\" AND TIMESTAMP \"{Moment(toMs)}\"";
        await messages.TakeAsync(RequestPriority.Foreground, cancellationToken);
        var page = await http.SendAsync(
            () => JsonRequest.Get(string.Create(CultureInfo.InvariantCulture, $"/v3/messages?limit={limit}&query={Uri.EscapeDataString(query)}")), SendGridJson.Default.MessagePage, "messages", priority, cancellationToken);
        return page.Messages ?? [];
    }

    /// <summary>Those of the contacts that exist.</summary>
    internal async Task<IReadOnlyList<MarketingContact>> ContactsAsync(IReadOnlyList<string> ids, RequestPriority priority, CancellationToken cancellationToken)
    {
        if (ids.Count == 0) return [];
        var response = await PostAsync("/v3/marketing/contacts/batch", new ContactIds(ids), SendGridJson.Default.ContactIds, "contacts", priority, cancellationToken, HttpStatusCode.NotFound);
        return response.Status == HttpStatusCode.NotFound ? [] : http.Read(response, SendGridJson.Default.ContactList, "contacts").Result ?? [];
    }

    /// <summary>Contacts with one of the addresses.</summary>
    internal async Task<IReadOnlyList<MarketingContact>> ContactsByEmailAsync(IReadOnlyList<string> emails, CancellationToken cancellationToken)
    {
        if (emails.Count == 0) return [];
        var response = await PostAsync("/v3/marketing/contacts/search/emails", new ContactEmails(emails), SendGridJson.Default.ContactEmails, "contacts by address", RequestPriority.Background, cancellationToken, HttpStatusCode.NotFound);
        // None of them.
        if (response.Status == HttpStatusCode.NotFound) return [];
        return [.. (http.Read(response, SendGridJson.Default.ContactsByEmail, "contacts by address").Result ?? []).Values.Select(h => h.Contact).OfType<MarketingContact>()];
    }

    internal async Task<IReadOnlyList<CustomField>> FieldsAsync(CancellationToken cancellationToken) =>
        (await http.SendAsync(() => JsonRequest.Get("/v3/marketing/field_definitions"), SendGridJson.Default.FieldDefinitions, "fields", RequestPriority.Foreground, cancellationToken)).CustomFields ?? [];

    /// <returns>False when it is refused.</returns>
    internal async Task<bool> CreateFieldAsync(NewField field, CancellationToken cancellationToken) =>
        (await PostAsync("/v3/marketing/field_definitions", field, SendGridJson.Default.NewField, "make a field", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest)).Status != HttpStatusCode.BadRequest;

    /// <returns>Id of the job that does it; null when it is refused.</returns>
    internal async Task<string?> UpsertAsync(ContactUpsert body, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(() => JsonRequest.Of(HttpMethod.Put, "/v3/marketing/contacts", body, SendGridJson.Default.ContactUpsert), "write contacts", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest);
        return response.Status == HttpStatusCode.BadRequest ? null : http.Read(response, SendGridJson.Default.UpsertJob, "write contacts").JobId;
    }

    internal async Task<string> JobAsync(string job, CancellationToken cancellationToken) => (await http.SendAsync(
        () => JsonRequest.Get("/v3/marketing/contacts/imports/" + Uri.EscapeDataString(job)), SendGridJson.Default.JobState, "state of a write", RequestPriority.Foreground, cancellationToken)).Status;

    internal async Task<IReadOnlyList<string>> ScopesAsync(CancellationToken cancellationToken) =>
        (await http.SendAsync(() => JsonRequest.Get("/v3/scopes"), SendGridJson.Default.ScopeList, "scopes", RequestPriority.Foreground, cancellationToken)).Scopes;

    private Task<ConnectorResponse> PostAsync<T>(string path, T body, JsonTypeInfo<T> type, string what, RequestPriority priority, CancellationToken cancellationToken, params HttpStatusCode[] expected) =>
        http.SendAsync(() => JsonRequest.Of(HttpMethod.Post, path, body, type), what, priority, cancellationToken, expected);

    private static string? Header(HttpResponseHeaders headers, string name) => headers.TryGetValues(name, out var values) ? values.First() : null;

    private static TimeSpan? Reset(HttpResponseHeaders headers, TimeProvider time) => RetryWait.OfEpoch(Header(headers, "X-RateLimit-Reset"), time.GetUtcNow());

    private static void Observe(RequestBudget budget, HttpResponseHeaders headers, TimeProvider time)
    {
        if (Header(headers, "X-RateLimit-Remaining") == "0" && Reset(headers, time) is { } wait) budget.Pause(wait);
    }

    public void Dispose() => http.Dispose();
}
