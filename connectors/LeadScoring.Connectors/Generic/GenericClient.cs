using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Generic;

/// <summary>Requests as the definition describes them.</summary>
internal sealed class GenericClient : IDisposable
{
    private const double DefaultPerSecond = 5;

    private readonly string account;
    private readonly Uri baseUrl;
    private readonly GenericDefinition definition;
    private readonly ConnectorHttp http;
    private readonly TimeProvider time;

    internal GenericClient(ConnectorHost host, GenericDefinition definition)
    {
        (account, this.definition, time) = (host.Account, definition, host.Time);
        var settings = host.Settings;
        baseUrl = settings.BaseUrl ?? throw new ConnectorException(account, ConnectorFailure.Misconfigured, $"LEADSCORING__CONNECTORS__{account.ToUpperInvariant()}__BASEURL is not set: the address of the API, such as https://api.example.com");
        if (!baseUrl.IsAbsoluteUri || baseUrl.Scheme is not ("https" or "http")) throw new ConnectorException(account, ConnectorFailure.Misconfigured, "BASEURL is no address of HTTP: write it whole, such as https://api.example.com");
        var perSecond = settings.RequestsPerSecond ?? DefaultPerSecond;
        Budget = new RequestBudget(account, perSecond, Math.Max(1, 2 * perSecond), settings.DailyBudget, settings.Reserve, time);
        http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => baseUrl, new StaticToken(settings.Token ?? ""), Budget, Authorize, settings.Timeout)
            {
                WaitOf = response => response.Headers.TryGetValues("X-RateLimit-Reset", out var reset) ? RetryWait.OfEpoch(reset.First(), time.GetUtcNow()) : null,
            },
            time);
    }

    internal RequestBudget Budget { get; }

    private void Authorize(HttpRequestMessage request, string token)
    {
        var hasToken = false;
        foreach (var (name, value) in definition.Headers ?? [])
        {
            hasToken |= value.Contains("{token}", StringComparison.Ordinal);
            request.Headers.TryAddWithoutValidation(name, value.Replace("{token}", token, StringComparison.Ordinal));
        }

        if (!hasToken && token.Length > 0) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>The next page of a source: its records, and where the one after it begins.</summary>
    internal async Task<(JsonElement[] Records, string Cursor, bool HasMore)> ReadAsync(GenericSource source, string what, string? cursor, RequestPriority priority, CancellationToken cancellationToken)
    {
        var at = StoredCursor.Read(account, cursor, GenericJson.Default.GenericCursor) ?? new GenericCursor();
        if (at.StartedMs == 0) at = at with { StartedMs = time.GetUtcNow().ToUnixTimeMilliseconds() };
        var paging = source.Paging ?? new GenericPaging();
        var path = paging.Style == "link" && at.Next is not null ? at.Next : PathOf(source, paging, at);
        var response = await http.SendAsync(() => JsonRequest.Get(path), what, priority, cancellationToken);
        var answer = http.Read(response, GenericJson.Default.JsonElement, what);
        if (JsonPointer.First(answer, source.Records) is not { ValueKind: JsonValueKind.Array } list)
            throw new ConnectorException(account, ConnectorFailure.Misconfigured, $"{what}.records: there is no array at '{source.Records}' of the answer; correct the JSON pointer");
        JsonElement[] records = [.. list.EnumerateArray()];
        var next = Next(paging, at.Next, answer, response.Headers, records.Length);
        // A page that leads to itself would be asked for without end.
        var hasMore = next is not null && next != at.Next;
        var after = hasMore ? at with { Next = next } : new GenericCursor(FromMs: at.StartedMs - (source.OverlapMinutes * 60_000L));
        return (records, JsonSerializer.Serialize(after, GenericJson.Default.GenericCursor), hasMore);
    }

    private static string PathOf(GenericSource source, GenericPaging paging, GenericCursor at)
    {
        var since = source.Since switch
        {
            "seconds" => (at.FromMs / 1_000).ToString(CultureInfo.InvariantCulture),
            "milliseconds" => at.FromMs.ToString(CultureInfo.InvariantCulture),
            _ => DateTimeOffset.FromUnixTimeMilliseconds(at.FromMs).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        };
        var query = new List<string>();
        foreach (var (name, value) in source.Query ?? [])
        {
            if (at.FromMs == 0 && value.Contains("{since}", StringComparison.Ordinal)) continue;
            Add(name, value.Replace("{since}", since, StringComparison.Ordinal).Replace("{size}", paging.Size.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        }

        if (paging.Style == "cursor" && at.Next is not null) Add(paging.Parameter!, at.Next);
        if (paging.Style == "offset") Add(paging.Parameter!, at.Next ?? "0");
        if (paging.Style == "page") Add(paging.Parameter!, at.Next ?? paging.First.ToString(CultureInfo.InvariantCulture));
        return query.Count == 0 ? source.Path! : $"{source.Path}{(source.Path!.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{string.Join('&', query)}";

        void Add(string name, string value) => query.Add($"{Uri.EscapeDataString(name)}={Uri.EscapeDataString(value)}");
    }

    private string? Next(GenericPaging paging, string? current, JsonElement answer, HttpResponseHeaders headers, int count)
    {
        static string Sum(string? text, int first, int more) => ((text is null ? first : int.Parse(text, CultureInfo.InvariantCulture)) + more).ToString(CultureInfo.InvariantCulture);
        return paging.Style switch
        {
            "cursor" => JsonPointer.Text(answer, paging.Next),
            "link" => Link(headers),
            "offset" => count < paging.Size ? null : Sum(current, 0, paging.Size),
            "page" => count < paging.Size ? null : Sum(current, paging.First, 1),
            _ => null,
        };
    }

    /// <summary>Path and query of the link to the next page (RFC 8288). One that leads to another host is refused: the token would go there.</summary>
    private string? Link(HttpResponseHeaders headers)
    {
        if (!headers.TryGetValues("Link", out var values)) return null;
        foreach (var link in values.SelectMany(v => v.Split(",<", StringSplitOptions.TrimEntries)).SelectMany(v => v.Split(", <", StringSplitOptions.TrimEntries)))
        {
            var end = link.IndexOf('>', StringComparison.Ordinal);
            if (end < 0 || !link[end..].Replace("\"", "", StringComparison.Ordinal).Split(';', StringSplitOptions.TrimEntries).Contains("rel=next", StringComparer.OrdinalIgnoreCase)) continue;
            var to = new Uri(baseUrl, link[..end].TrimStart('<'));
            if (to.GetLeftPart(UriPartial.Authority) != baseUrl.GetLeftPart(UriPartial.Authority)) throw new ConnectorException(account, ConnectorFailure.Rejected, "the link to the next page leads to another host");
            return to.PathAndQuery;
        }

        return null;
    }

    internal Task CheckAsync(string path, CancellationToken cancellationToken) => http.SendAsync(() => JsonRequest.Get(path), "check", RequestPriority.Foreground, cancellationToken);

    internal async Task<WriteResult> WriteAsync(GenericWrite write, RecordWrite record, CancellationToken cancellationToken)
    {
        var path = write.Path!.Replace("{id}", Uri.EscapeDataString(record.RecordId), StringComparison.Ordinal);
        var body = Fill(JsonNode.Parse(write.Body!.Value.GetRawText()), record);
        var response = await http.SendAsync(
            () => JsonRequest.Of(new HttpMethod(write.Method), path, body.Deserialize(GenericJson.Default.JsonElement), GenericJson.Default.JsonElement), "write", RequestPriority.Foreground, cancellationToken,
            HttpStatusCode.NotFound, HttpStatusCode.Gone, HttpStatusCode.BadRequest, HttpStatusCode.Conflict, HttpStatusCode.UnprocessableEntity);
        var code = string.Create(CultureInfo.InvariantCulture, $"HTTP_{(int)response.Status}");
        return response.Status switch
        {
            HttpStatusCode.NotFound or HttpStatusCode.Gone => new WriteResult(record.RecordId, WriteStatus.Gone, code),
            HttpStatusCode.Conflict => new WriteResult(record.RecordId, WriteStatus.TryAgain, code),
            HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity => new WriteResult(record.RecordId, WriteStatus.Rejected, code),
            _ => new WriteResult(record.RecordId, WriteStatus.Written),
        };
    }

    /// <summary>The template with its values; what has none is null and left out of objects.</summary>
    private static JsonNode? Fill(JsonNode? node, RecordWrite record)
    {
        switch (node)
        {
            case JsonObject o:
                var filled = new JsonObject();
                foreach (var (name, value) in o) if (Fill(value, record) is { } kept) filled[name] = kept;
                return filled;
            case JsonArray a:
                return new JsonArray([.. a.Select(i => Fill(i, record)).Where(i => i is not null)]);
            case JsonValue v when v.GetValueKind() == JsonValueKind.String:
                return Text(v.GetValue<string>(), record);
            default:
                return node?.DeepClone();
        }
    }

    private static JsonNode? Text(string template, RecordWrite record)
    {
        var words = GenericValidation.Words(template).ToArray();
        string? Of(string word) => word == "id" ? record.RecordId : record.Values.GetValueOrDefault(word);
        if (words.Any(w => Of(w) is null)) return null;
        if (words.Length == 1 && words[0] != "id" && template.Length == words[0].Length + 2 && double.TryParse(Of(words[0]), NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
            return JsonValue.Create(number);
        return JsonValue.Create(GenericValidation.Placeholder().Replace(template, m => Of(m.Groups["name"].Value)!));
    }

    public void Dispose() => http.Dispose();
}
