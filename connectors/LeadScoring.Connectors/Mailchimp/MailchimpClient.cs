using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Mailchimp;

/// <summary>Requests to Mailchimp's Marketing API 3.0, one method each. Source: Mailchimp's OpenAPI file 3.0.55 and, for limits, its fundamentals.</summary>
internal sealed partial class MailchimpClient : IDisposable
{
    internal const int PageSize = 1_000;

    /// <summary>Of the ten connections that a user may have at a time; <see cref="ConnectorHttp"/> opens no more than eight for all of them together.</summary>
    internal const int Width = 5;

    // No rate is published, the connections are the limit: this keeps short requests from being many.
    private const double DefaultPerSecond = 10;
    private static readonly TimeSpan Overload = TimeSpan.FromMinutes(1);

    private readonly string account;
    private readonly ConnectorHttp http;

    internal MailchimpClient(ConnectorHost host)
    {
        (account, var settings) = (host.Account, host.Settings);
        var key = ConnectorSettings.Required(account, "Token", settings.Token);
        var center = DataCenter().Match(key) is { Success: true } match ? match.Groups["center"].Value : null;
        var baseUrl = settings.BaseUrl ?? new Uri($"https://{center ?? throw new ConnectorException(account, ConnectorFailure.Misconfigured, "TOKEN does not end with the data center, such as -us6: copy the whole key, or, with an OAuth token, set BASEURL to the address that Mailchimp's metadata names")}.api.mailchimp.com");
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        Budget = new RequestBudget(account, perSecond, Math.Max(1, perSecond), settings.DailyBudget, settings.Reserve, host.Time);
        http = new ConnectorHttp(new ConnectorHttpOptions(account, () => baseUrl, new StaticToken(key), Budget, (request, token) => request.Headers.Authorization = Authorization(token, center is not null), settings.Timeout) { CodeOf = CodeOf }, host.Time);
    }

    internal RequestBudget Budget { get; }

    // Of a key only letters and digits of a data center become part of the address: else the key would be sent wherever it says.
    [GeneratedRegex("-(?<center>[a-z]{2,3}[0-9]{1,3})$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex DataCenter();

    private static AuthenticationHeaderValue Authorization(string token, bool isKey) =>
        isKey ? new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("any:" + token))) : new AuthenticationHeaderValue("Bearer", token);

    internal Task<AccountRoot> AccountAsync(CancellationToken cancellationToken) => GetAsync("/3.0/?fields=account_id", MailchimpJson.Default.AccountRoot, "account", RequestPriority.Foreground, cancellationToken);

    /// <summary>Ids of the audiences in their order.</summary>
    internal async Task<string[]> AudiencesAsync(RequestPriority priority, CancellationToken cancellationToken)
    {
        var page = await GetAsync($"/3.0/lists?count={PageSize}&fields=lists.id", MailchimpJson.Default.AudiencePage, "audiences", priority, cancellationToken);
        return [.. page.Lists.Select(l => l.Id).Order(StringComparer.Ordinal)];
    }

    /// <summary>Members of an audience that changed after a moment, the oldest change first.</summary>
    internal Task<MemberPage> MembersAsync(string list, long sinceMs, bool archived, int offset, CancellationToken cancellationToken)
    {
        var query = string.Create(CultureInfo.InvariantCulture, $"?count={PageSize}&offset={offset}&sort_field=last_changed&sort_dir=ASC&exclude_fields=_links,members._links,members.interests,members.ip_opt,members.ip_signup");
        if (archived) query += "&status=archived";
        if (sinceMs > 0) query += "&since_last_changed=" + Moment(sinceMs);
        return GetAsync($"/3.0/lists/{Uri.EscapeDataString(list)}/members{query}", MailchimpJson.Default.MemberPage, "members", RequestPriority.Background, cancellationToken);
    }

    /// <returns>Null when there is no such member.</returns>
    internal async Task<Member?> MemberAsync(string list, string hash, CancellationToken cancellationToken)
    {
        var response = await SendAsync(() => JsonRequest.Get(MemberPath(list, hash) + "?exclude_fields=_links,interests,ip_opt,ip_signup"), "member", RequestPriority.Background, cancellationToken, HttpStatusCode.NotFound);
        return response.Status == HttpStatusCode.NotFound ? null : http.Read(response, MailchimpJson.Default.Member, "member");
    }

    /// <summary>Writes fields of a member; never makes one, as an upsert would: that would subscribe somebody who left.</summary>
    /// <returns>Status and code; 404: there is no such member.</returns>
    internal async Task<(HttpStatusCode Status, string? Code)> PatchMemberAsync(string list, string hash, Dictionary<string, JsonElement> values, CancellationToken cancellationToken)
    {
        var response = await SendAsync(
            () => JsonRequest.Of(HttpMethod.Patch, MemberPath(list, hash) + "?skip_merge_validation=true", new MemberPatch(values), MailchimpJson.Default.MemberPatch), "write member", RequestPriority.Foreground, cancellationToken,
            HttpStatusCode.NotFound, HttpStatusCode.BadRequest);
        return (response.Status, CodeOf(response.Body));
    }

    internal async Task<IReadOnlyList<MergeField>> MergeFieldsAsync(string list, CancellationToken cancellationToken) =>
        (await GetAsync($"/3.0/lists/{Uri.EscapeDataString(list)}/merge-fields?count={PageSize}&exclude_fields=_links,merge_fields._links", MailchimpJson.Default.MergeFieldPage, "merge fields", RequestPriority.Foreground, cancellationToken)).MergeFields;

    /// <returns>False when Mailchimp refuses it: an audience has room for 30 fields, or 80.</returns>
    internal async Task<bool> CreateMergeFieldAsync(string list, MergeField field, CancellationToken cancellationToken) => (await SendAsync(
        () => JsonRequest.Of(HttpMethod.Post, $"/3.0/lists/{Uri.EscapeDataString(list)}/merge-fields", field, MailchimpJson.Default.MergeField), "make a merge field", RequestPriority.Foreground, cancellationToken,
        HttpStatusCode.BadRequest)).Status != HttpStatusCode.BadRequest;

    /// <summary>Campaigns that were sent after a moment, in the order of their ids.</summary>
    internal async Task<IReadOnlyList<Report>> ReportsAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        var all = new List<Report>();
        for (var offset = 0; offset < 20 * PageSize; offset += PageSize)
        {
            var query = string.Create(CultureInfo.InvariantCulture, $"?count={PageSize}&offset={offset}&since_send_time={Moment(since.ToUnixTimeMilliseconds())}&fields=reports.id,reports.send_time,reports.unsubscribed");
            var page = await GetAsync("/3.0/reports" + query, MailchimpJson.Default.ReportPage, "reports", RequestPriority.Background, cancellationToken);
            all.AddRange(page.Reports);
            if (page.Reports.Count < PageSize) break;
        }

        return [.. all.DistinctBy(r => r.Id).OrderBy(r => r.Id, StringComparer.Ordinal)];
    }

    internal Task<EmailActivityPage> EmailActivityAsync(string campaign, long sinceMs, int offset, CancellationToken cancellationToken) =>
        GetAsync(ReportPath(campaign, "email-activity", offset) + (sinceMs > 0 ? "&since=" + Moment(sinceMs) : ""), MailchimpJson.Default.EmailActivityPage, "activity", RequestPriority.Background, cancellationToken);

    internal Task<SentToPage> SentToAsync(string campaign, int offset, CancellationToken cancellationToken) =>
        GetAsync(ReportPath(campaign, "sent-to", offset), MailchimpJson.Default.SentToPage, "recipients", RequestPriority.Background, cancellationToken);

    internal Task<UnsubscribedPage> UnsubscribedAsync(string campaign, int offset, CancellationToken cancellationToken) =>
        GetAsync(ReportPath(campaign, "unsubscribed", offset), MailchimpJson.Default.UnsubscribedPage, "unsubscribed", RequestPriority.Background, cancellationToken);

    private static string ReportPath(string campaign, string part, int offset) => string.Create(CultureInfo.InvariantCulture, $"/3.0/reports/{Uri.EscapeDataString(campaign)}/{part}?count={PageSize}&offset={offset}");

    private static string MemberPath(string list, string hash) => $"/3.0/lists/{Uri.EscapeDataString(list)}/members/{Uri.EscapeDataString(hash)}";

    private static string Moment(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, string what, RequestPriority priority, CancellationToken cancellationToken) =>
        http.Read(await SendAsync(() => JsonRequest.Get(path), what, priority, cancellationToken), type, what);

    private async Task<ConnectorResponse> SendAsync(Func<HttpRequestMessage> request, string what, RequestPriority priority, CancellationToken cancellationToken, params HttpStatusCode[] expected)
    {
        var response = await http.SendAsync(request, what, priority, cancellationToken, [.. expected, HttpStatusCode.Forbidden]);
        if (response.Status != HttpStatusCode.Forbidden) return response;
        // Under load Mailchimp's gateway answers 403 without JSON; a permission that is missing comes as a problem document.
        if (CodeOf(response.Body) is { } code) throw new ConnectorException(account, ConnectorFailure.Forbidden, $"{what}: 403 {code}") { Status = 403 };
        Budget.Pause(Overload);
        throw new ConnectorException(account, ConnectorFailure.RateLimited, $"{what}: 403 of the gateway") { Status = 403, RetryAfter = Overload };
    }

    /// <summary>The title of a problem document, which is one of a list.</summary>
    internal static string? CodeOf(byte[] body)
    {
        try
        {
            var title = JsonSerializer.Deserialize(body, MailchimpJson.Default.Problem)?.Title;
            return title is { Length: > 0 and <= 40 } && title.All(c => char.IsAsciiLetter(c) || c == ' ') ? title : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public void Dispose() => http.Dispose();
}
