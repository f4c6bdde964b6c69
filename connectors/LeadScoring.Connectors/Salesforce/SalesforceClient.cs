using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>
/// Requests to Salesforce's REST API, one method each. Source: Salesforce's REST and Bulk API 2.0 developer guides; there is no official OpenAPI file, the contract of the tests is made of Salesforce's own Postman collection.
/// </summary>
internal sealed class SalesforceClient : IDisposable
{
    internal const string Version = "v64.0";
    internal const int Batch = 200;
    internal const int BulkPage = 5_000;
    private const string Data = "/services/data/" + Version;
    internal const string LimitExceeded = "REQUEST_LIMIT_EXCEEDED";

    // There is no limit a second. A day: 15,000 in a Developer org, 100,000 and more elsewhere.
    private const double DefaultPerSecond = 10;
    private const double DefaultBurst = 20;
    private const long DefaultDaily = 15_000;

    private static readonly Uri Login = new("https://login.salesforce.com");

    private readonly string account;
    private readonly ConnectorHttp http;
    private readonly OAuthTokens? oauth;

    internal SalesforceClient(ConnectorHost host)
    {
        var (settings, time) = (host.Settings, host.Time);
        account = host.Account;
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        var budget = Budget = new RequestBudget(account, perSecond, Math.Max(1, Math.Min(DefaultBurst, 2 * perSecond)), settings.DailyBudget ?? DefaultDaily, settings.Reserve, time);
        IAccessTokens tokens;
        Func<Uri> baseUrl;
        if (!string.IsNullOrWhiteSpace(settings.Token))
        {
            tokens = new StaticToken(settings.Token);
            var instance = settings.BaseUrl ?? throw new ConnectorException(account, ConnectorFailure.Misconfigured, "with a TOKEN, BASEURL must be the address of the organization, such as https://example.my.salesforce.com");
            baseUrl = () => instance;
        }
        else
        {
            var login = settings.BaseUrl ?? Login;
            if (string.IsNullOrWhiteSpace(settings.RefreshToken)) ConnectorSettings.Required(account, "ClientSecret", settings.ClientSecret);
            var own = new OAuthTokens(settings.RefreshToken ?? "", new SalesforceTokens(account, settings, login, time).RenewAsync, host.Tokens, time);
            tokens = oauth = own;
            baseUrl = () => own.BaseUrl ?? login;
        }

        http = new ConnectorHttp(
            new ConnectorHttpOptions(account, baseUrl, tokens, budget, (request, token) => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token), settings.Timeout)
            {
                CodeOf = CodeOf, Observe = headers => Observe(budget, headers),
            },
            time);
    }

    internal RequestBudget Budget { get; }

    /// <summary>The first page of a query, up to 2,000 records.</summary>
    /// <param name="soql">The query; values in it are ids and moments that were checked.</param>
    /// <param name="withDeleted">Also what was deleted, merged or archived.</param>
    /// <param name="priority">Who asks.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal Task<QueryPage> QueryAsync(string soql, bool withDeleted, RequestPriority priority, CancellationToken cancellationToken) =>
        ReadAsync(() => Get($"{Data}/{(withDeleted ? "queryAll" : "query")}?q={Uri.EscapeDataString(soql)}"), SalesforceJson.Default.QueryPage, "query", priority, cancellationToken);

    /// <summary>The next page; null when the query is not kept any more.</summary>
    internal async Task<QueryPage?> MoreAsync(string nextRecordsUrl, CancellationToken cancellationToken)
    {
        // Else the token might go elsewhere.
        if (!nextRecordsUrl.StartsWith("/services/data/", StringComparison.Ordinal)) throw new ConnectorException(account, ConnectorFailure.Unavailable, "query: the address of the next page cannot be used");
        var response = await SendAsync(() => Get(nextRecordsUrl), "query more", RequestPriority.Background, cancellationToken, HttpStatusCode.BadRequest, HttpStatusCode.NotFound);
        return response.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound ? null : http.Read(response, SalesforceJson.Default.QueryPage, "query more");
    }

    /// <summary>All records of a query that gives few.</summary>
    internal async Task<IReadOnlyList<SalesforceRow>> AllAsync(string soql, bool withDeleted, CancellationToken cancellationToken)
    {
        var rows = new List<SalesforceRow>();
        var page = await QueryAsync(soql, withDeleted, RequestPriority.Background, cancellationToken);
        for (var pages = 1; ; pages++)
        {
            rows.AddRange(page.Records.Select(SalesforceRow.Of));
            if (page.Done || page.NextRecordsUrl is null) return rows;
            if (pages == 100) throw new ConnectorException(account, ConnectorFailure.Unavailable, "query: the pages do not end");
            page = await MoreAsync(page.NextRecordsUrl, cancellationToken) ?? throw new ConnectorException(account, ConnectorFailure.Unavailable, "query: the next page is gone");
        }
    }

    /// <summary>Ids of what was deleted between two moments, at most 30 days back.</summary>
    internal async Task<IReadOnlyList<string>> DeletedAsync(string type, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        var page = await ReadAsync(
            () => Get($"{Data}/sobjects/{type}/deleted/?start={Uri.EscapeDataString(Moment(from))}&end={Uri.EscapeDataString(Moment(to))}"), SalesforceJson.Default.DeletedPage, $"deleted of {type}", RequestPriority.Background,
            cancellationToken);
        return [.. page.DeletedRecords.Select(d => d.Id)];
    }

    internal Task<ObjectDescription> DescribeAsync(string type, CancellationToken cancellationToken) =>
        ReadAsync(() => Get($"{Data}/sobjects/{type}/describe"), SalesforceJson.Default.ObjectDescription, $"describe {type}", RequestPriority.Foreground, cancellationToken);

    /// <summary>Writes up to 200 records, each on its own. Null: the whole was refused, for the reason of the second part.</summary>
    internal async Task<(IReadOnlyList<SaveResult>? Results, string? Code)> UpdateAsync(byte[] body, CancellationToken cancellationToken)
    {
        var response = await SendAsync(() => WithJson(HttpMethod.Patch, $"{Data}/composite/sobjects", body), "write", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest);
        return response.Status == HttpStatusCode.BadRequest ? (null, CodeOf(response.Body)) : (http.Read(response, SalesforceJson.Default.IReadOnlyListSaveResult, "write"), null);
    }

    /// <summary>Starts a bulk query; null where the edition or the user has none.</summary>
    internal async Task<QueryJob?> StartJobAsync(string soql, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new QueryJobBody("queryAll", soql), SalesforceJson.Default.QueryJobBody);
        try
        {
            var response = await SendAsync(() => WithJson(HttpMethod.Post, $"{Data}/jobs/query", body), "start a bulk query", RequestPriority.Background, cancellationToken, HttpStatusCode.BadRequest);
            return response.Status == HttpStatusCode.BadRequest ? null : http.Read(response, SalesforceJson.Default.QueryJob, "start a bulk query");
        }
        catch (ConnectorException e) when (e.Failure is ConnectorFailure.Forbidden or ConnectorFailure.NotFound)
        {
            return null;
        }
    }

    /// <summary>How a bulk query stands; null when it is not kept any more.</summary>
    internal async Task<QueryJob?> JobAsync(string id, CancellationToken cancellationToken)
    {
        var response = await SendAsync(() => Get($"{Data}/jobs/query/{Uri.EscapeDataString(id)}"), "bulk query", RequestPriority.Background, cancellationToken, HttpStatusCode.NotFound);
        return response.Status == HttpStatusCode.NotFound ? null : http.Read(response, SalesforceJson.Default.QueryJob, "bulk query");
    }

    /// <summary>A part of the results of a bulk query, and where the next one begins; null: that was all.</summary>
    internal async Task<(IReadOnlyList<SalesforceRow> Rows, string? Locator)> ResultsAsync(string id, string? locator, CancellationToken cancellationToken)
    {
        var query = string.Create(CultureInfo.InvariantCulture, $"?maxRecords={BulkPage}") + (locator is null ? "" : "&locator=" + Uri.EscapeDataString(locator));
        var response = await SendAsync(() => Get($"{Data}/jobs/query/{Uri.EscapeDataString(id)}/results{query}", "text/csv"), "bulk results", RequestPriority.Background, cancellationToken);
        try
        {
            var next = response.Headers.TryGetValues("Sforce-Locator", out var values) ? values.First() : null;
            return (SalesforceRow.OfCsv(response.Body), next is null or "null" or "" ? null : next);
        }
        catch (FormatException)
        {
            throw new ConnectorException(account, ConnectorFailure.Unavailable, "bulk results: the answer is not the CSV that it should be") { Status = (int)response.Status };
        }
    }

    internal static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>A list of ids for a query; what is no id is left out, so that nothing can end the text.</summary>
    internal static string In(IEnumerable<string> ids) => string.Join(',', ids.Where(IsId).Select(i => $"'{i}'"));

    internal static bool IsId(string id) => id.Length is 15 or 18 && id.All(char.IsAsciiLetterOrDigit);

    /// <summary>The code of an error body, which is a list.</summary>
    internal static string? CodeOf(byte[] body)
    {
        try
        {
            var code = JsonSerializer.Deserialize(body, SalesforceJson.Default.IReadOnlyListErrorEntry)?.FirstOrDefault()?.ErrorCode;
            return IsCode(code) ? code : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    internal static bool IsCode(string? code) => code is { Length: > 0 and <= 80 } && code.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_');

    /// <summary>api-usage=44/15000: what all programs used of the last 24 hours.</summary>
    private static void Observe(RequestBudget budget, HttpResponseHeaders headers)
    {
        if (!headers.TryGetValues("Sforce-Limit-Info", out var values)) return;
        var usage = string.Join(',', values).Split(',', ';').Select(v => v.Trim()).FirstOrDefault(v => v.StartsWith("api-usage=", StringComparison.Ordinal))?["api-usage=".Length..].Split('/');
        if (usage is [var used, var limit] && long.TryParse(used, NumberStyles.None, CultureInfo.InvariantCulture, out var u) && long.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var l)) budget.Learn(l - u);
    }

    private async Task<T> ReadAsync<T>(Func<HttpRequestMessage> request, JsonTypeInfo<T> type, string what, RequestPriority priority, CancellationToken cancellationToken) =>
        http.Read(await SendAsync(request, what, priority, cancellationToken), type, what);

    /// <summary>Salesforce says 403 both when something is not allowed and when the day is used up, and never when to come again.</summary>
    private async Task<ConnectorResponse> SendAsync(Func<HttpRequestMessage> request, string what, RequestPriority priority, CancellationToken cancellationToken, params HttpStatusCode[] expected)
    {
        var response = await http.SendAsync(request, what, priority, cancellationToken, [.. expected, HttpStatusCode.Forbidden]);
        if (response.Status != HttpStatusCode.Forbidden) return response;
        var code = CodeOf(response.Body);
        if (code != LimitExceeded) throw new ConnectorException(account, ConnectorFailure.Forbidden, $"{what}: 403{(code is null ? "" : " " + code)}") { Status = 403 };
        var wait = TimeSpan.FromHours(1);
        Budget.Pause(wait);
        throw new ConnectorException(account, ConnectorFailure.RateLimited, $"{what}: 403 {code}") { Status = 403, RetryAfter = wait };
    }

    private static HttpRequestMessage Get(string path, string accept = "application/json")
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        return request;
    }

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
