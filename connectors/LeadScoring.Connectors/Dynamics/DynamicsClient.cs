using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Dynamics;

/// <summary>Requests to Dataverse's Web API, one method each. Source: Microsoft Learn, "Use change tracking to synchronize data", "Populate predictive scores using custom scoring model", "Service protection API limits".</summary>
internal sealed class DynamicsClient : IDisposable
{
    internal const int Batch = 50;

    /// <summary>Annotation that holds what people read for a choice.</summary>
    internal const string Formatted = "@OData.Community.Display.V1.FormattedValue";

    private const string Data = "/api/data/v9.2/";
    private const string Scores = Data + "msdyn_predictivescores";

    // 6,000 requests in 5 minutes a user, and 40,000 a day.
    private const double DefaultPerSecond = 15;
    private const double DefaultBurst = 20;
    private const long DefaultDaily = 40_000;

    private readonly string account;
    private readonly Uri environment;
    private readonly ConnectorHttp http;
    private readonly OAuthTokens oauth;

    internal DynamicsClient(ConnectorHost host)
    {
        var (settings, time) = (host.Settings, host.Time);
        account = host.Account;
        environment = settings.BaseUrl ?? throw new ConnectorException(account, ConnectorFailure.Misconfigured, "BASEURL must be the address of the environment, such as https://example.crm.dynamics.com");
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        Budget = new RequestBudget(account, perSecond, Math.Max(1, Math.Min(DefaultBurst, 2 * perSecond)), settings.DailyBudget ?? DefaultDaily, settings.Reserve, time);
        oauth = new OAuthTokens("", new DynamicsTokens(account, settings, environment, time).RenewAsync, host.Tokens, time);
        http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => environment, oauth, Budget, (request, token) => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token), settings.Timeout) { CodeOf = CodeOf }, time);
    }

    internal RequestBudget Budget { get; }

    /// <summary>The first page of a table of which changes are told afterwards.</summary>
    internal async Task<RowPage> TrackAsync(string table, string select, CancellationToken cancellationToken) =>
        await PageAsync($"{Data}{table}?$select={select}", "odata.track-changes,", $"read {table}", [], cancellationToken) ?? throw new ConnectorException(account, ConnectorFailure.Unavailable, $"read {table}: no answer");

    /// <summary>The page behind a link; null: the link is not good any more.</summary>
    internal Task<RowPage?> FollowAsync(string link, string table, CancellationToken cancellationToken) =>
        PageAsync(link, "odata.track-changes,", $"changes of {table}", [HttpStatusCode.BadRequest, HttpStatusCode.NotFound, HttpStatusCode.Gone], cancellationToken);

    internal async Task<IReadOnlyList<Dictionary<string, JsonElement>>> FetchAsync(string table, string key, string select, IReadOnlyList<string> ids, RequestPriority priority, CancellationToken cancellationToken)
    {
        Guid[] known = [.. ids.Select(i => Guid.TryParse(i, out var id) ? id : Guid.Empty).Where(i => i != Guid.Empty)];
        if (known.Length == 0) return [];
        var filter = string.Join(" or ", known.Select(i => $"{key} eq {i:D}"));
        return (await http.SendAsync(() => Get($"{Data}{table}?$select={select}&$filter={Uri.EscapeDataString(filter)}", ""), DynamicsJson.Default.RowPage, $"fetch {table}", priority, cancellationToken)).Value;
    }

    /// <summary>Reads one row, to see whether it is allowed.</summary>
    internal Task TryAsync(string table, string select, CancellationToken cancellationToken) =>
        http.SendAsync(() => Get($"{Data}{table}?$select={select}&$top=1", ""), DynamicsJson.Default.RowPage, $"read {table}", RequestPriority.Foreground, cancellationToken);

    internal async Task<string> OrganizationAsync(CancellationToken cancellationToken) =>
        (await http.SendAsync(() => Get(Data + "WhoAmI", ""), DynamicsJson.Default.WhoAmI, "who am I", RequestPriority.Foreground, cancellationToken)).OrganizationId.ToString("D");

    /// <summary>Sets the score of a lead, by the key of the table; makes it where there is none. Null: done; else the status and the code.</summary>
    internal async Task<(HttpStatusCode Status, string? Code)?> PutScoreAsync(Guid lead, int score, int? grade, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(
            () => WithJson(HttpMethod.Patch, $"{Scores}(msdyn_entityid=%27{lead:D}%27,msdyn_entitytype=%27lead%27)", new ScoreBody(score, grade)), "write a score", RequestPriority.Foreground, cancellationToken,
            HttpStatusCode.BadRequest, HttpStatusCode.NotFound);
        if (response.Status == HttpStatusCode.NotFound)
        {
            response = await http.SendAsync(
                () => WithJson(HttpMethod.Post, Scores, new ScoreBody(score, grade, DynamicsScores.TrendUnknown, lead.ToString("D"), "lead")), "make a score", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest,
                HttpStatusCode.PreconditionFailed);
            // Made by somebody this moment, perhaps by a try of ours whose answer was lost.
            if (response.Status == HttpStatusCode.PreconditionFailed) return (response.Status, CodeOf(response.Body));
        }

        return (int)response.Status < 300 ? null : (response.Status, CodeOf(response.Body));
    }

    /// <summary>Path and query of a link of the vendor's, which must lead to the same environment: else the token might go elsewhere.</summary>
    internal string Local(string link) => Uri.TryCreate(link, UriKind.Absolute, out var uri) && uri.Scheme == environment.Scheme && uri.Authority == environment.Authority && uri.AbsolutePath.StartsWith("/api/data/", StringComparison.Ordinal)
        ? uri.PathAndQuery : throw new ConnectorException(account, ConnectorFailure.Unavailable, "the address of the next page cannot be used");

    private async Task<RowPage?> PageAsync(string path, string prefer, string what, HttpStatusCode[] expected, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(() => Get(path, prefer), what, RequestPriority.Background, cancellationToken, expected);
        return (int)response.Status >= 300 ? null : http.Read(response, DynamicsJson.Default.RowPage, what);
    }

    /// <summary>The code of an error body, such as 0x80040217.</summary>
    internal static string? CodeOf(byte[] body)
    {
        try
        {
            var code = JsonSerializer.Deserialize(body, DynamicsJson.Default.ErrorBody)?.Error?.Code;
            return code is { Length: > 0 and <= 60 } && code.All(char.IsAsciiLetterOrDigit) ? code : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static HttpRequestMessage Get(string path, string prefer)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.TryAddWithoutValidation("Prefer", prefer + "odata.maxpagesize=500,odata.include-annotations=\"OData.Community.Display.V1.FormattedValue\"");
        return WithVersion(request);
    }

    private static HttpRequestMessage WithJson(HttpMethod method, string path, ScoreBody body)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, DynamicsJson.Default.ScoreBody));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return WithVersion(new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = content });
    }

    private static HttpRequestMessage WithVersion(HttpRequestMessage request)
    {
        request.Headers.Add("OData-MaxVersion", "4.0");
        request.Headers.Add("OData-Version", "4.0");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return request;
    }

    public void Dispose()
    {
        http.Dispose();
        oauth.Dispose();
    }
}
