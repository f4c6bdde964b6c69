using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.SendGrid;

/// <summary>
/// SendGrid. Activity by the signed event webhook or, without one, by the Email Activity API where the account has it (option EMAILACTIVITY); contacts of Marketing Campaigns who got an e-mail; writes their custom fields.
/// </summary>
internal sealed class SendGridConnector : IConnector
{
    private readonly SendGridClient client;
    private readonly SendGridMessages messages;
    private readonly SendGridFields fields;
    private readonly SendGridWebhook webhook;
    private readonly string prefix;
    private readonly TimeProvider time;

    private SendGridConnector(ConnectorHost host)
    {
        (Name, time, prefix) = (host.Account, host.Time, host.Settings.FieldPrefix);
        client = new SendGridClient(host);
        messages = new SendGridMessages(client, Name, time);
        fields = new SendGridFields(client, time);
        webhook = new SendGridWebhook(host.Settings.WebhookSecret, time);
        var hasActivity = host.Settings.Options.GetValueOrDefault("EmailActivity", "false").Equals("true", StringComparison.OrdinalIgnoreCase);
        var hasWebhook = !string.IsNullOrWhiteSpace(host.Settings.WebhookSecret);
        // Not both: the same open has another id in each.
        Abilities = new ConnectorAbilities(Contacts: hasActivity, Activity: hasActivity && !hasWebhook, Deals: false, WriteBack: true, Inbound: hasWebhook, SendGridClient.Batch, SendGridClient.Batch);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new SendGridConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; }

    public RequestBudget Budget => client.Budget;

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var (found, next, hasMore) = await messages.ReadAsync(cursor, cancellationToken);
        var contacts = new Dictionary<string, ContactRecord>(StringComparer.Ordinal);
        foreach (var emails in found.Select(m => m.ToEmail.ToLowerInvariant()).Where(e => e.Length is > 0 and <= 100).Distinct(StringComparer.Ordinal).Chunk(SendGridClient.Batch))
        {
            foreach (var contact in await client.ContactsByEmailAsync(emails, cancellationToken)) contacts[contact.Id] = Read(contact);
        }

        return new Page<ContactRecord>([.. contacts.Values], next, hasMore);
    }

    public async Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        [.. (await client.ContactsAsync(ids, RequestPriority.Background, cancellationToken)).Select(Read)];

    public async Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken)
    {
        var (found, next, hasMore) = await messages.ReadAsync(cursor, cancellationToken);
        return new Page<ActivityRecord>([.. found.SelectMany(SendGridMessages.Activity)], next, hasMore);
    }

    public Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken) => Task.FromResult(new Page<DealRecord>([], cursor ?? "", false));

    public Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<DealRecord>>([]);

    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => this.fields.EnsureAsync(fields, cancellationToken);

    public Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken) => fields.WriteAsync(writes, cancellationToken);

    public InboundResult ReadInbound(InboundRequest request) => webhook.Read(request);

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> scopes = [];
        var steps = new List<CheckStep> { await CheckStep.TryAsync("credentials", "the key is refused: make a new one at Settings, API Keys", async () => scopes = await client.ScopesAsync(cancellationToken)) };
        if (Abilities.Contacts)
        {
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            steps.Add(await CheckStep.TryAsync("email activity", "the account needs the add-on Email Activity History and the key the scope messages.read; else unset OPTIONS__EMAILACTIVITY", () => client.MessagesAsync(now - 60_000, now, 1, RequestPriority.Foreground, cancellationToken)));
        }

        if (!Abilities.Inbound && !Abilities.Activity)
            steps.Add(new CheckStep("activity", false, "nothing tells of opens and clicks: turn on the event webhook with its signature and set WEBHOOKSECRET to its public key, or set OPTIONS__EMAILACTIVITY=true with the add-on"));
        IReadOnlyList<CheckStep> found = [];
        var read = await CheckStep.TryAsync("read fields", "give the key the scope marketing.read", async () => found = await this.fields.CheckAsync(fields, cancellationToken));
        steps.AddRange([read, .. found]);
        return new ConnectorCheck(steps[0].IsRight ? $"key with {scopes.Count.ToString(CultureInfo.InvariantCulture)} scopes" : null, steps);
    }

    private ContactRecord Read(MarketingContact c)
    {
        static string? Text(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["first_name"] = Text(c.FirstName), ["last_name"] = Text(c.LastName), ["city"] = Text(c.City), ["state"] = Text(c.StateProvinceRegion), ["country"] = Text(c.Country), ["zip_code"] = Text(c.PostalCode), ["phone"] = Text(c.PhoneNumber),
        };
        foreach (var (name, value) in c.CustomFields ?? [])
        {
            if (!name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number) properties[name.ToLowerInvariant()] = Text(value.ToString());
        }

        return new ContactRecord(c.Id, Text(c.Email), properties, DateTimeOffset.TryParse(c.CreatedAt, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null)
        {
            OtherEmails = [.. c.AlternateEmails ?? []],
        };
    }

    public void Dispose() => client.Dispose();
}
