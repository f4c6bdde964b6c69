using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Klaviyo;

/// <summary>Requests to Klaviyo's API, one method each. Source: Klaviyo's OpenAPI files of the revision.</summary>
internal sealed class KlaviyoClient : IDisposable
{
    internal const string Revision = "2026-07-15";
    internal const int Width = 5;
    private const string Media = "application/vnd.api+json";
    private const int ProfilePage = 100;
    private const int EventPage = 200;
    private const int ImportErrorPageSize = 100;
    private const string ImportPath = "/api/profile-bulk-import-jobs";

    // Profiles: 75 a second and 750 a minute. In a second go out no more than the burst and a second's worth, in a minute the burst and sixty: 60, and 650.
    private const double DefaultPerSecond = 10;
    private const double DefaultBurst = 50;

    private static readonly Uri Public = new("https://a.klaviyo.com");

    private readonly string account;
    private readonly ConnectorHttp http;

    internal KlaviyoClient(ConnectorHost host)
    {
        (account, var settings) = (host.Account, host.Settings);
        var baseUrl = settings.BaseUrl ?? Public;
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        var budget = new RequestBudget(account, perSecond, Math.Max(1, Math.Min(DefaultBurst, 5 * perSecond)), settings.DailyBudget, settings.Reserve, host.Time);
        Budget = budget;
        http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => baseUrl, new StaticToken(ConnectorSettings.Required(account, "Token", settings.Token)), budget, Authorize, settings.Timeout) { CodeOf = CodeOf, Observe = headers => Observe(budget, headers) }, host.Time);
    }

    internal RequestBudget Budget { get; }

    private static void Authorize(HttpRequestMessage request, string token)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Klaviyo-API-Key", token);
        request.Headers.Add("revision", Revision);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(Media));
    }

    /// <summary>Profiles that changed after a moment, the oldest change first; one that changes meanwhile comes again at the end.</summary>
    internal Task<ProfilePage> ProfilesAsync(long fromMs, string? page, CancellationToken cancellationToken)
    {
        var query = string.Create(CultureInfo.InvariantCulture, $"?page[size]={ProfilePage}&sort=updated");
        if (fromMs > 0) query += $"&filter=greater-than(updated,{Moment(fromMs)})";
        return GetAsync("/api/profiles" + query + Cursor(page), KlaviyoJson.Default.ProfilePage, "profiles", RequestPriority.Background, cancellationToken);
    }

    /// <returns>Null when there is no such profile.</returns>
    internal async Task<Profile?> ProfileAsync(string id, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(() => JsonRequest.Get(ProfilePath(id)), "profile", RequestPriority.Background, cancellationToken, HttpStatusCode.NotFound);
        return response.Status == HttpStatusCode.NotFound ? null : http.Read(response, KlaviyoJson.Default.ProfileAnswer, "profile").Data;
    }

    /// <summary>Writes properties of a profile that exists; an import would make one that was deleted.</summary>
    internal async Task<(HttpStatusCode Status, string? Code)> PatchAsync(string id, Dictionary<string, JsonElement> values, CancellationToken cancellationToken)
    {
        var body = new ProfilePatch(new ProfilePatchData("profile", id, new ProfilePatchAttributes(values)));
        var response = await http.SendAsync(
            () => JsonRequest.Of(HttpMethod.Patch, ProfilePath(id), body, KlaviyoJson.Default.ProfilePatch, Media), "write profile", RequestPriority.Foreground, cancellationToken, HttpStatusCode.NotFound, HttpStatusCode.BadRequest, HttpStatusCode.Conflict);
        return (response.Status, CodeOf(response.Body));
    }

    /// <summary>Begins a job that writes properties of many profiles. By their ids alone: with nothing to make a profile of, one that was deleted is an error and is not made anew.</summary>
    /// <returns>Null when it is refused: the scope lists:write is missing, or something of the whole.</returns>
    internal async Task<JobState?> ImportAsync(IEnumerable<(string Id, Dictionary<string, JsonElement> Values)> profiles, CancellationToken cancellationToken)
    {
        var body = new ImportJob(new ImportJobData("profile-bulk-import-job", new ImportJobAttributes(new ImportProfiles([.. profiles.Select(p => new ProfilePatchData("profile", p.Id, new ProfilePatchAttributes(p.Values)))]))));
        var response = await http.SendAsync(
            () => JsonRequest.Of(HttpMethod.Post, ImportPath, body, KlaviyoJson.Default.ImportJob, Media), "write profiles", RequestPriority.Foreground, cancellationToken, HttpStatusCode.BadRequest, HttpStatusCode.Forbidden);
        return response.Status is HttpStatusCode.BadRequest or HttpStatusCode.Forbidden ? null : http.Read(response, KlaviyoJson.Default.JobAnswer, "write profiles").Data;
    }

    /// <returns>Null when the key may not look: the scope lists:read is missing.</returns>
    internal async Task<JobState?> ImportStateAsync(string job, CancellationToken cancellationToken)
    {
        var response = await http.SendAsync(() => JsonRequest.Get($"{ImportPath}/{Uri.EscapeDataString(job)}"), "state of a write", RequestPriority.Foreground, cancellationToken, HttpStatusCode.Forbidden);
        return response.Status == HttpStatusCode.Forbidden ? null : http.Read(response, KlaviyoJson.Default.JobAnswer, "state of a write").Data;
    }

    internal Task<ImportErrorPage> ImportErrorsAsync(string job, string? page, CancellationToken cancellationToken) => GetAsync(
        $"{ImportPath}/{Uri.EscapeDataString(job)}/import-errors?page[size]={ImportErrorPageSize}{Cursor(page)}", KlaviyoJson.Default.ImportErrorPage, "errors of a write", RequestPriority.Foreground, cancellationToken);

    /// <summary>Events at or after a moment, the oldest first.</summary>
    internal Task<EventPage> EventsAsync(long fromMs, string? page, CancellationToken cancellationToken)
    {
        var query = string.Create(CultureInfo.InvariantCulture, $"?page[size]={EventPage}&sort=datetime&fields[event]=datetime,timestamp,event_properties");
        if (fromMs > 0) query += $"&filter=greater-or-equal(datetime,{Moment(fromMs)})";
        return GetAsync("/api/events" + query + Cursor(page), KlaviyoJson.Default.EventPage, "events", RequestPriority.Background, cancellationToken);
    }

    internal Task<MetricPage> MetricsAsync(string? page, RequestPriority priority, CancellationToken cancellationToken) =>
        GetAsync("/api/metrics?fields[metric]=name" + Cursor(page), KlaviyoJson.Default.MetricPage, "metrics", priority, cancellationToken);

    internal Task<AccountPage> AccountAsync(CancellationToken cancellationToken) => GetAsync("/api/accounts", KlaviyoJson.Default.AccountPage, "account", RequestPriority.Foreground, cancellationToken);

    /// <summary>The cursor of a link to the next page. The link itself is not followed: the key goes to one host.</summary>
    internal static string? NextPage(PageLinks? links)
    {
        if (links?.Next is not { Length: > 0 } next) return null;
        foreach (var pair in next[(next.IndexOf('?', StringComparison.Ordinal) + 1)..].Split('&'))
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at > 0 && Uri.UnescapeDataString(pair[..at]) == "page[cursor]") return Uri.UnescapeDataString(pair[(at + 1)..]);
        }

        return null;
    }

    private static string Cursor(string? page) => page is null ? "" : "&page[cursor]=" + Uri.EscapeDataString(page);

    private static string ProfilePath(string id) => "/api/profiles/" + Uri.EscapeDataString(id);

    private static string Moment(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, string what, RequestPriority priority, CancellationToken cancellationToken) => http.SendAsync(() => JsonRequest.Get(path), type, what, priority, cancellationToken);

    internal static string? CodeOf(byte[] body)
    {
        try
        {
            var code = JsonSerializer.Deserialize(body, KlaviyoJson.Default.ErrorBody)?.Errors is [{ Code: { } first }, ..] ? first : null;
            return code is { Length: > 0 and <= 60 } && code.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') ? code : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The steady window is used up: until it begins again nobody asks.</summary>
    private static void Observe(RequestBudget budget, HttpResponseHeaders headers)
    {
        if (headers.TryGetValues("RateLimit-Remaining", out var left) && left.First() == "0" && headers.TryGetValues("RateLimit-Reset", out var reset) && int.TryParse(reset.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= 120)
            budget.Pause(TimeSpan.FromSeconds(seconds));
    }

    public void Dispose() => http.Dispose();
}
