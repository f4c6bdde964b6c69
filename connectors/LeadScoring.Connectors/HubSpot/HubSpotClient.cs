using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>
/// Requests to HubSpot's API of version 2026-09, one method each. Source: HubSpot's OpenAPI files of that version (HubSpot-public-api-spec-collection) and, for limits, its usage guidelines.
/// </summary>
internal sealed class HubSpotClient : IDisposable
{
    internal const string Version = "2026-09";
    internal const int ListPage = 100;
    internal const int SearchPage = 200;
    private const string SearchPath = "/search";
    internal const int Batch = 100;
    private const int AssociationRounds = 200;

    // Of all plans the lowest allowance is 100 requests in any 10 seconds, and 250,000 a day: 8 x 10 and a burst of 18 are 98.
    private const double DefaultPerSecond = 8;
    private const double BurstShare = 2.25;
    private const long DefaultDaily = 250_000;

    // The search has a limit of its own: 4 a second by the changelog. The burst and a second's worth stay within it.
    private const double SearchesPerSecond = 4;

    private static readonly Uri Public = new("https://api.hubapi.com");

    private readonly ConnectorHttp http;
    private readonly RequestBudget searches;
    private readonly OAuthTokens? oauth;

    internal HubSpotClient(ConnectorHost host)
    {
        var (account, settings, time) = (host.Account, host.Settings, host.Time);
        var baseUrl = settings.BaseUrl ?? Public;
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        var budget = new RequestBudget(account, perSecond, Math.Max(1, BurstShare * perSecond), settings.DailyBudget ?? DefaultDaily, settings.Reserve, time);
        var searchesPerSecond = settings.Options.TryGetValue("SearchesPerSecond", out var text) && double.TryParse(text, CultureInfo.InvariantCulture, out var set) && set > 0 ? set : SearchesPerSecond;
        var searchBurst = Math.Max(1, searchesPerSecond / SearchesPerSecond);
        searches = new RequestBudget(account, searchesPerSecond > 1 ? searchesPerSecond - searchBurst : searchesPerSecond / 2, searchBurst, null, 0, time);
        IAccessTokens tokens;
        if (!string.IsNullOrWhiteSpace(settings.Token)) tokens = new StaticToken(settings.Token);
        else
        {
            var refresh = new HubSpotTokens(account, settings, baseUrl, time);
            tokens = oauth = new OAuthTokens(ConnectorSettings.Required(account, "Token", settings.RefreshToken), refresh.RefreshAsync, host.Tokens, time);
        }

        Budget = budget;
        http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => baseUrl, tokens, budget, (request, token) => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token), settings.Timeout)
            {
                WaitOf = WaitOf, CodeOf = CodeOf, Observe = headers => Observe(budget, headers), AlsoOf = request => request.RequestUri!.OriginalString.EndsWith(SearchPath, StringComparison.Ordinal) ? searches : null,
            },
            time);
    }

    internal RequestBudget Budget { get; }

    /// <summary>Objects of a type in the order of their ids, page by page; no bound on their number.</summary>
    internal Task<ObjectPage> ListAsync(string type, string? after, IEnumerable<string> properties, bool archived, string? associations, RequestPriority priority, CancellationToken cancellationToken, int limit = ListPage)
    {
        var query = string.Create(CultureInfo.InvariantCulture, $"?limit={limit}&archived={(archived ? "true" : "false")}");
        if (after is not null) query += "&after=" + Uri.EscapeDataString(after);
        if (associations is not null) query += "&associations=" + associations;
        // The names alone may be many hundred characters: still well under what servers take.
        query += "&properties=" + Uri.EscapeDataString(string.Join(',', properties));
        return GetAsync($"/crm/objects/{Version}/{type}{query}", HubSpotJson.Default.ObjectPage, $"list {type}", priority, cancellationToken);
    }

    /// <summary>Objects that changed at or after a moment, in the order of their ids, from an id on.</summary>
    /// <remarks>By id and never by offset: a search gives no more than 10,000 results whatever the offset.</remarks>
    internal async Task<ObjectPage> SearchChangedAsync(string type, string modified, long fromMs, long lastId, IReadOnlyList<string> properties, int limit, CancellationToken cancellationToken)
    {
        static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
        var body = new SearchBody(
            [new FilterGroup([new Filter(modified, "GTE", Text(fromMs)), new Filter("hs_object_id", "GT", Text(lastId))])], [new SortBy("hs_object_id", "ASCENDING")], properties, limit);
        return await PostAsync($"/crm/objects/{Version}/{type}{SearchPath}", body, HubSpotJson.Default.SearchBody, HubSpotJson.Default.ObjectPage, $"search {type}", RequestPriority.Background, cancellationToken);
    }

    /// <summary>Those of the objects that exist; at most 100.</summary>
    internal async Task<IReadOnlyList<CrmObject>> ReadAsync(string type, IReadOnlyList<string> ids, IReadOnlyList<string> properties, CancellationToken cancellationToken)
    {
        if (ids.Count == 0) return [];
        var answer = await PostAsync(
            $"/crm/objects/{Version}/{type}/batch/read", new BatchIds([.. ids.Select(i => new BatchId(i))], properties), HubSpotJson.Default.BatchIds, HubSpotJson.Default.BatchAnswer, $"read {type}",
            RequestPriority.Background, cancellationToken);
        return answer.Results ?? [];
    }

    /// <summary>Ids that objects are associated with, all of them.</summary>
    internal async Task<Dictionary<string, List<string>>> AssociatedAsync(string from, string to, IEnumerable<string> ids, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        BatchId[] open = [.. ids.Select(i => new BatchId(i))];
        for (var round = 0; open.Length > 0; round++)
        {
            if (round == AssociationRounds) throw new ConnectorException("hubspot", ConnectorFailure.Unavailable, $"associations of {from}: the pages do not end");
            var answer = await PostAsync(
                $"/crm/associations/{Version}/{from}/{to}/batch/read", new BatchIds(open), HubSpotJson.Default.BatchIds, HubSpotJson.Default.AssociationAnswer, $"associations of {from}",
                RequestPriority.Background, cancellationToken);
            foreach (var pair in answer.Results)
            {
                if (!found.TryGetValue(pair.From.Id, out var list)) found[pair.From.Id] = list = [];
                list.AddRange(pair.To.Select(t => t.ToObjectId.ToString(CultureInfo.InvariantCulture)));
            }

            open = [.. answer.Results.Where(p => p.Paging?.Next is not null).Select(p => new BatchId(p.From.Id, p.Paging!.Next!.After))];
        }

        return found;
    }

    /// <summary>Writes values of up to 100 objects. 207: some of them, the errors say which not; 400: none of them.</summary>
    internal async Task<(HttpStatusCode Status, BatchAnswer Answer, string? Code)> UpdateAsync(string type, BatchUpdate body, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(
            () => Post($"/crm/objects/{Version}/{type}/batch/update", body, HubSpotJson.Default.BatchUpdate), $"write {type}", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest, HttpStatusCode.NotFound);
        if (response.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound) return (response.Status, new BatchAnswer([], []), CodeOf(response.Body));
        return (response.Status, http.Read(response, HubSpotJson.Default.BatchAnswer, $"write {type}"), null);
    }

    internal Task<PropertyList> PropertiesAsync(string type, CancellationToken cancellationToken) =>
        GetAsync($"/crm/properties/{Version}/{type}", HubSpotJson.Default.PropertyList, $"properties of {type}", RequestPriority.Foreground, cancellationToken);

    /// <summary>Makes a group of properties; there already is fine.</summary>
    internal Task EnsureGroupAsync(string type, GroupBody group, CancellationToken cancellationToken) =>
        http.SendAsync(() => Post($"/crm/properties/{Version}/{type}/groups", group, HubSpotJson.Default.GroupBody), $"make a property group of {type}", RequestPriority.Foreground, cancellationToken, HttpStatusCode.Conflict);

    /// <returns>False when somebody else made one of the name this moment.</returns>
    internal async Task<bool> CreatePropertyAsync(string type, PropertyBody property, CancellationToken cancellationToken) => (await http.SendAsync(
        () => Post($"/crm/properties/{Version}/{type}", property, HubSpotJson.Default.PropertyBody), $"make a property of {type}", RequestPriority.Foreground, cancellationToken, HttpStatusCode.Conflict)).Status != HttpStatusCode.Conflict;

    internal Task<PipelineList> PipelinesAsync(CancellationToken cancellationToken) =>
        GetAsync($"/crm/pipelines/{Version}/deals", HubSpotJson.Default.PipelineList, "pipelines of deals", RequestPriority.Background, cancellationToken);

    /// <summary>Occurrences of an event type with contacts, the oldest first.</summary>
    internal Task<EventPage> EventsAsync(string eventType, DateTimeOffset from, string? after, CancellationToken cancellationToken)
    {
        var query = $"?objectType=contact&eventType={Uri.EscapeDataString(eventType)}&occurredAfter={from.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}&sort=occurredAt&limit={ListPage}";
        if (after is not null) query += "&after=" + Uri.EscapeDataString(after);
        return GetAsync($"/events/event-occurrences/{Version}{query}", HubSpotJson.Default.EventPage, "events", RequestPriority.Background, cancellationToken);
    }

    internal Task<AccountDetails> AccountAsync(CancellationToken cancellationToken) =>
        GetAsync($"/account-info/{Version}/details", HubSpotJson.Default.AccountDetails, "account details", RequestPriority.Foreground, cancellationToken);

    /// <summary>The category of an error body.</summary>
    internal static string? CodeOf(byte[] body)
    {
        try
        {
            var code = JsonSerializer.Deserialize(body, HubSpotJson.Default.ErrorBody)?.Category;
            return code is { Length: > 0 and <= 60 } && code.All(c => char.IsAsciiLetterUpper(c) || c == '_') ? code : null;
        }
        catch (JsonException)
        {
            // HTML of a gateway, or nothing.
            return null;
        }
    }

    /// <summary>HubSpot's own rule where there is no Retry-After: which of its limits was hit says for how long.</summary>
    private static TimeSpan? WaitOf(ConnectorResponse response)
    {
        if (response.Status != HttpStatusCode.TooManyRequests) return null;
        try
        {
            return JsonSerializer.Deserialize(response.Body, HubSpotJson.Default.ErrorBody)?.PolicyName switch
            {
                "DAILY" => TimeSpan.FromHours(1),
                "SECONDLY" => TimeSpan.FromSeconds(1),
                _ => TimeSpan.FromSeconds(10),
            };
        }
        catch (JsonException)
        {
            return TimeSpan.FromSeconds(10);
        }
    }

    // Absent with OAuth.
    private static void Observe(RequestBudget budget, HttpResponseHeaders headers)
    {
        if (headers.TryGetValues("X-HubSpot-RateLimit-Daily-Remaining", out var values) && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var left)) budget.Learn(left);
    }

    private Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, string what, RequestPriority priority, CancellationToken cancellationToken) =>
        http.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative)), type, what, priority, cancellationToken);

    private Task<TAnswer> PostAsync<TBody, TAnswer>(
        string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> type, string what, RequestPriority priority, CancellationToken cancellationToken) =>
        http.SendAsync(() => Post(path, body, bodyType), type, what, priority, cancellationToken);

    private static HttpRequestMessage Post<T>(string path, T body, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = content };
    }

    public void Dispose()
    {
        http.Dispose();
        oauth?.Dispose();
    }
}
