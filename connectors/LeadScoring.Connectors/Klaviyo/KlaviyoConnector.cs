using System.Globalization;
using System.Net;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Klaviyo;

/// <summary>Klaviyo. Profiles, events of the metrics that are activity; writes properties of profiles, which need no definition.</summary>
internal sealed class KlaviyoConnector : IConnector
{
    // Bounds exclude the moment itself and the index lags behind writes.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MetricsGoodFor = TimeSpan.FromHours(1);
    private const int MostMetricPages = 50;

    // Klaviyo asks not to make jobs of a few; 10,000 are allowed, and no batch has as many.
    private const int MostOneByOne = 50;
    private const int MostErrorPages = 20;
    private const string Unseen = "unseen";

    // Two minutes: what takes longer is written again later.
    private const int JobLooks = 60;
    private static readonly TimeSpan JobWait = TimeSpan.FromSeconds(2);

    private readonly KlaviyoClient client;
    private readonly KlaviyoEvents events;
    private readonly KlaviyoWebhook webhook;
    private readonly string prefix;
    private readonly TimeProvider time;
    private (Dictionary<string, string> Names, DateTimeOffset ReadAt)? metrics;

    private KlaviyoConnector(ConnectorHost host)
    {
        (Name, time, prefix) = (host.Account, host.Time, host.Settings.FieldPrefix);
        client = new KlaviyoClient(host);
        events = new KlaviyoEvents(host.Settings.Options.GetValueOrDefault("Events", ""));
        webhook = new KlaviyoWebhook(host.Settings.WebhookSecret, events, time);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new KlaviyoConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; } = new(Contacts: true, Activity: true, Deals: false, WriteBack: true, Inbound: true, ReadBatch: 50, WriteBatch: 1_000);

    public RequestBudget Budget => client.Budget;

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = Begin(cursor);
        var page = await client.ProfilesAsync(at.FromMs, at.Page, cancellationToken);
        return End([.. page.Data.Select(Read)], at, KlaviyoClient.NextPage(page.Links));
    }

    public async Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        [.. (await JsonRequest.EachAsync(ids, KlaviyoClient.Width, client.ProfileAsync, cancellationToken)).OfType<Profile>().Select(Read)];

    public async Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = Begin(cursor);
        var page = await client.EventsAsync(at.FromMs, at.Page, cancellationToken);
        var names = await MetricsAsync(page.Data.Select(e => e.Relationships?.Metric?.Data?.Id).OfType<string>(), cancellationToken);
        ActivityRecord[] records = [.. page.Data.Select(e => KlaviyoEvents.Record(e, events.TypeOf(names.GetValueOrDefault(e.Relationships?.Metric?.Data?.Id ?? "")))).OfType<ActivityRecord>()];
        return End(records, at, KlaviyoClient.NextPage(page.Links));
    }

    private WalkCursor Begin(string? cursor)
    {
        var at = StoredCursor.Read(Name, cursor, KlaviyoJson.Default.WalkCursor) ?? new WalkCursor();
        return at.StartedMs > 0 ? at : at with { StartedMs = time.GetUtcNow().ToUnixTimeMilliseconds() };
    }

    private static Page<T> End<T>(IReadOnlyList<T> items, WalkCursor at, string? page)
    {
        // A page that leads to itself would be asked for without end.
        var hasMore = page is not null && page != at.Page;
        var next = hasMore ? at with { Page = page } : new WalkCursor(FromMs: at.StartedMs - (long)Overlap.TotalMilliseconds);
        return new Page<T>(items, JsonSerializer.Serialize(next, KlaviyoJson.Default.WalkCursor), hasMore);
    }

    /// <summary>Names of metrics by id: read once, and again when there is one that is not known. Not by including them: that has a stricter limit.</summary>
    private async Task<Dictionary<string, string>> MetricsAsync(IEnumerable<string> wanted, CancellationToken cancellationToken)
    {
        var known = metrics;
        if (known is { } k && (wanted.All(k.Names.ContainsKey) || time.GetUtcNow() - k.ReadAt < TimeSpan.FromMinutes(1)) && time.GetUtcNow() - k.ReadAt < MetricsGoodFor) return k.Names;
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        string? page = null;
        for (var pages = 0; pages < MostMetricPages; pages++)
        {
            var answer = await client.MetricsAsync(page, RequestPriority.Background, cancellationToken);
            foreach (var metric in answer.Data) names[metric.Id] = metric.Attributes.Name;
            page = KlaviyoClient.NextPage(answer.Links);
            if (page is null) break;
        }

        metrics = (names, time.GetUtcNow());
        return names;
    }

    public Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken) => Task.FromResult(new Page<DealRecord>([], cursor ?? "", false));

    public Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<DealRecord>>([]);

    /// <summary>Properties of profiles are made by writing them, and nothing says whose they are: the prefix is.</summary>
    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => Task.FromResult(new FieldReport([.. fields.Select(f => f.Name)], [], [], []));

    /// <summary>A few one by one, as Klaviyo asks for and answers at once; many as a job.</summary>
    public async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        if (writes.Count <= MostOneByOne) return await JsonRequest.EachAsync(writes, KlaviyoClient.Width, WriteOneAsync, cancellationToken);
        var job = await client.ImportAsync(writes.Select(w => (w.RecordId, ValuesOf(w))), cancellationToken);
        if (job is null) return await JsonRequest.EachAsync(writes, KlaviyoClient.Width, WriteOneAsync, cancellationToken);
        return await EndOfAsync(job, cancellationToken) switch
        {
            { Status: Unseen } => await JsonRequest.EachAsync(writes, KlaviyoClient.Width, WriteOneAsync, cancellationToken),
            { Status: "complete", FailedCount: null or 0 } => [.. writes.Select(w => new WriteResult(w.RecordId, WriteStatus.Written))],
            { Status: "complete", FailedCount: { } failed } => await ResultsAsync(writes, job.Id, failed, cancellationToken),
            // Cancelled, or it takes too long: writing the same again does no harm.
            _ => [.. writes.Select(w => new WriteResult(w.RecordId, WriteStatus.TryAgain, "PENDING"))],
        };
    }

    private async Task<JobStateAttributes?> EndOfAsync(JobState job, CancellationToken cancellationToken)
    {
        for (var look = 0; look < JobLooks; look++)
        {
            await Task.Delay(JobWait, time, cancellationToken);
            if (await client.ImportStateAsync(job.Id, cancellationToken) is not { } state) return new JobStateAttributes(Unseen, null);
            if (state.Attributes is { Status: "complete" or "cancelled" } end) return end;
        }

        return null;
    }

    /// <summary>
    /// Errors bring what was sent along, and with it the profile's id; where one does not, nobody knows whose it is. Codes of jobs are not documented: whether a profile is gone or refuses is told by itself, so those
    /// with an error, or all of them, are written once more, one by one.
    /// </summary>
    private async Task<IReadOnlyList<WriteResult>> ResultsAsync(IReadOnlyList<RecordWrite> writes, string job, int failed, CancellationToken cancellationToken)
    {
        var errors = new HashSet<string>(StringComparer.Ordinal);
        string? page = null;
        for (var pages = 0; pages < MostErrorPages; pages++)
        {
            var answer = await client.ImportErrorsAsync(job, page, cancellationToken);
            errors.UnionWith((answer.Data ?? []).Select(e => e.Attributes?.OriginalPayload?.Id).OfType<string>());
            page = KlaviyoClient.NextPage(answer.Links);
            if (page is null) break;
        }

        RecordWrite[] again = errors.Count >= failed ? [.. writes.Where(w => errors.Contains(w.RecordId))] : [.. writes];
        var told = (await JsonRequest.EachAsync(again, KlaviyoClient.Width, WriteOneAsync, cancellationToken)).ToDictionary(r => r.RecordId, StringComparer.Ordinal);
        return [.. writes.Select(w => told.GetValueOrDefault(w.RecordId) ?? new WriteResult(w.RecordId, WriteStatus.Written))];
    }

    private static Dictionary<string, JsonElement> ValuesOf(RecordWrite write) => write.Values.ToDictionary(v => v.Key, v => Value(v.Value), StringComparer.Ordinal);

    private async Task<WriteResult> WriteOneAsync(RecordWrite write, CancellationToken cancellationToken)
    {
        var (status, code) = await client.PatchAsync(write.RecordId, ValuesOf(write), cancellationToken);
        return status switch
        {
            HttpStatusCode.NotFound => new WriteResult(write.RecordId, WriteStatus.Gone, code),
            HttpStatusCode.BadRequest => new WriteResult(write.RecordId, WriteStatus.Rejected, code ?? "HTTP_400"),
            HttpStatusCode.Conflict => new WriteResult(write.RecordId, WriteStatus.TryAgain, code ?? "HTTP_409"),
            _ => new WriteResult(write.RecordId, WriteStatus.Written),
        };
    }

    public InboundResult ReadInbound(InboundRequest request) => webhook.Read(request);

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string? account = null;
        return new ConnectorCheck(account,
        [
            await CheckStep.TryAsync("credentials", "the key is refused, or lacks the scope accounts:read", async () => account = (await client.AccountAsync(cancellationToken)).Data is [var first, ..] ? $"account {first.Id}" : null),
            await CheckStep.TryAsync("read profiles", "give the key the scope profiles:read", () => client.ProfilesAsync(time.GetUtcNow().ToUnixTimeMilliseconds(), null, cancellationToken)),
            await CheckStep.TryAsync("read events", "give the key the scope events:read", () => client.EventsAsync(time.GetUtcNow().ToUnixTimeMilliseconds(), null, cancellationToken)),
            await CheckStep.TryAsync("read metrics", "give the key the scope metrics:read", () => client.MetricsAsync(null, RequestPriority.Foreground, cancellationToken)),
        ]) with { Account = account };
    }

    private ContactRecord Read(Profile p)
    {
        static string? Text(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
        var a = p.Attributes;
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["first_name"] = Text(a.FirstName), ["last_name"] = Text(a.LastName), ["company"] = Text(a.Organization), ["job_title"] = Text(a.Title), ["phone"] = Text(a.PhoneNumber), ["language"] = Text(a.Locale),
            ["city"] = Text(a.Location?.City), ["region"] = Text(a.Location?.Region), ["country"] = Text(a.Location?.Country), ["zip_code"] = Text(a.Location?.Zip), ["time_zone"] = Text(a.Location?.Timezone),
        };
        foreach (var (name, value) in a.Properties ?? [])
        {
            // Ours, and Klaviyo's own.
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) || name.StartsWith('$')) continue;
            if (value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False) properties.TryAdd(name, Text(value.ValueKind switch { JsonValueKind.True => "true", JsonValueKind.False => "false", _ => value.ToString() }));
        }

        return new ContactRecord(p.Id, Text(a.Email), properties, a.Created);
    }

    private static JsonElement Value(string value) => double.TryParse(value, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
        ? JsonElement.Parse(number.ToString("R", CultureInfo.InvariantCulture))
        : JsonElement.Parse($"\"{JsonEncodedText.Encode(value)}\"");

    public void Dispose() => client.Dispose();
}
