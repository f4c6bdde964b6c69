using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Requests to Pipedrive's API, version 2 where it has what is needed, one method each. Source: Pipedrive's OpenAPI files; what a request costs of the day is in them (<c>x-token-cost</c>).</summary>
internal sealed class PipedriveClient : IDisposable
{
    internal const int Page = 500;

    /// <summary>Most ids of one request.</summary>
    internal const int Batch = 100;

    /// <summary>Writes are one record each: no more than what is soon done.</summary>
    internal const int WriteBatch = 50;

    // Of all plans the lowest allowance is 20 requests in any 2 seconds, and 30,000 tokens a day and seat: 5 x 2 and a burst of 8 are 18.
    private const double DefaultPerSecond = 5;
    private const double BurstShare = 1.6;
    private const long DefaultDaily = 30_000;

    private static readonly Uri Public = new("https://api.pipedrive.com");
    private static readonly Uri PublicTokens = new("https://oauth.pipedrive.com");

    private readonly string account;
    private readonly ConnectorHttp http;
    private readonly OAuthTokens? oauth;

    internal PipedriveClient(ConnectorHost host)
    {
        var (settings, time) = (host.Settings, host.Time);
        account = host.Account;
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        var budget = Budget = new RequestBudget(account, perSecond, Math.Max(1, BurstShare * perSecond), settings.DailyBudget ?? DefaultDaily, settings.Reserve, time);
        var baseUrl = settings.BaseUrl ?? Public;
        var isKey = !string.IsNullOrWhiteSpace(settings.Token);
        IAccessTokens tokens = isKey ? new StaticToken(settings.Token!)
            : oauth = new OAuthTokens(ConnectorSettings.Required(account, "Token", settings.RefreshToken), new PipedriveTokens(account, settings, settings.BaseUrl ?? PublicTokens, time).RefreshAsync, host.Tokens, time);
        http = new ConnectorHttp(
            new ConnectorHttpOptions(
                account, () => oauth?.BaseUrl ?? baseUrl, tokens, budget,
                (request, token) =>
                {
                    if (isKey) request.Headers.Add("x-api-token", token);
                    else request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                },
                settings.Timeout)
            {
                CodeOf = CodeOf, WaitOf = WaitOf, Observe = headers => Observe(budget, headers), CostOf = CostOf,
            },
            time);
    }

    internal RequestBudget Budget { get; }

    /// <summary>A page of a list of version 2.</summary>
    /// <param name="path">Path under <c>/api/v2/</c>.</param>
    /// <param name="query">Parameters; their values are ours.</param>
    /// <param name="cursor">Next page; null: the first.</param>
    /// <param name="type">Generated description of the page.</param>
    /// <param name="priority">Who asks.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal Task<PageOf<T>> ListAsync<T>(string path, string query, string? cursor, JsonTypeInfo<PageOf<T>> type, RequestPriority priority, CancellationToken cancellationToken) =>
        http.SendAsync(() => Get($"/api/v2/{path}?{query}{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}"), type, $"list {path}", priority, cancellationToken);

    /// <summary>A page of leads: version 2 has none.</summary>
    internal Task<PageOf<Lead>> LeadsAsync(string query, CancellationToken cancellationToken) =>
        http.SendAsync(() => Get($"/v1/leads?{query}"), PipedriveJson.Default.Leads, "list leads", RequestPriority.Background, cancellationToken);

    /// <summary>All pages of a short list.</summary>
    internal async Task<IReadOnlyList<T>> AllAsync<T>(string path, JsonTypeInfo<PageOf<T>> type, RequestPriority priority, CancellationToken cancellationToken)
    {
        var all = new List<T>();
        string? cursor = null;
        for (var pages = 0; pages < 20; pages++)
        {
            var page = await ListAsync(path, string.Create(CultureInfo.InvariantCulture, $"limit={Page}"), cursor, type, priority, cancellationToken);
            all.AddRange(page.Data ?? []);
            cursor = page.AdditionalData?.NextCursor;
            if (cursor is null) return all;
        }

        throw new ConnectorException(account, ConnectorFailure.Unavailable, $"list {path}: the pages do not end");
    }

    /// <summary>Writes custom fields of a person. Null: written; else the status, and why.</summary>
    internal async Task<(HttpStatusCode Status, string? Code)?> UpdatePersonAsync(string id, byte[] body, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(
            () => WithJson(HttpMethod.Patch, $"/api/v2/persons/{Uri.EscapeDataString(id)}", body), "write a person", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest, HttpStatusCode.NotFound, HttpStatusCode.Gone,
            HttpStatusCode.UnprocessableEntity);
        return (int)response.Status < 300 ? null : (response.Status, CodeOf(response.Body));
    }

    internal async Task<PersonField?> CreateFieldAsync(NewField field, CancellationToken cancellationToken) => (await http.SendAsync(
        () => WithJson(HttpMethod.Post, "/api/v2/personFields", JsonSerializer.SerializeToUtf8Bytes(field, PipedriveJson.Default.NewField)), PipedriveJson.Default.OneField, "make a person field", RequestPriority.Foreground,
        cancellationToken)).Data;

    internal async Task<Me?> MeAsync(CancellationToken cancellationToken) =>
        (await http.SendAsync(() => Get("/v1/users/me"), PipedriveJson.Default.Myself, "read the user", RequestPriority.Foreground, cancellationToken)).Data;

    internal static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    internal static string? CodeOf(byte[] body)
    {
        try
        {
            var code = JsonSerializer.Deserialize(body, PipedriveJson.Default.ErrorBody)?.Code;
            return code is { Length: > 0 and <= 60 } && code.All(c => char.IsAsciiLetter(c) || c == '_') ? code : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Tokens of a request by the vendor's file: lists 10, those of archived deals and of version 1 20, writes 5, the user 2.</summary>
    private static int CostOf(HttpRequestMessage request)
    {
        if (request.Method != HttpMethod.Get) return 5;
        var path = request.RequestUri!.OriginalString.Split('?')[0];
        return path switch { "/v1/leads" or "/api/v2/deals/archived" => 20, "/v1/users/me" => 2, "/api/v2/stages" => 5, _ => 10 };
    }

    /// <summary>Seconds until the window of two seconds ends.</summary>
    private static TimeSpan? WaitOf(ConnectorResponse response) =>
        response.Headers.TryGetValues("x-ratelimit-reset", out var values) && int.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(Math.Clamp(seconds, 2, 60))
            : response.Status == HttpStatusCode.TooManyRequests ? TimeSpan.FromSeconds(2) : null;

    /// <summary>What is left of the day's tokens, all programs of the company together. The header is not on every answer.</summary>
    private static void Observe(RequestBudget budget, HttpResponseHeaders headers)
    {
        if (headers.TryGetValues("x-daily-ratelimit-token-remaining", out var values) && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var left)) budget.Learn(left);
    }

    private static HttpRequestMessage Get(string path) => new(HttpMethod.Get, new Uri(path, UriKind.Relative));

    private static HttpRequestMessage WithJson(HttpMethod method, string path, byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = content };
    }

    public void Dispose()
    {
        http.Dispose();
        oauth?.Dispose();
    }
}
