using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Mailchimp;

/// <summary>Mailchimp. Members of all audiences, what they did with campaigns; writes merge fields of members.</summary>
internal sealed class MailchimpConnector : IConnector
{
    // Changes of the last moments may come later than their stamp says.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(5);

    // Members that changed in the same second are read by offset: what moves to the end meanwhile must not make others be passed over.
    private const int OffsetOverlap = 100;

    private readonly MailchimpClient client;
    private readonly MailchimpCampaigns campaigns;
    private readonly MailchimpFields fields;
    private readonly MailchimpWebhook webhook;
    private readonly TimeProvider time;

    private MailchimpConnector(ConnectorHost host)
    {
        (Name, time) = (host.Account, host.Time);
        var signing = host.Settings.Options.GetValueOrDefault("SigningSecret");
        client = new MailchimpClient(host);
        campaigns = new MailchimpCampaigns(client, Name, time);
        fields = new MailchimpFields(client);
        webhook = new MailchimpWebhook(host.Settings.WebhookSecret, signing, time);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new MailchimpConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; } = new(Contacts: true, Activity: true, Deals: false, WriteBack: true, Inbound: true, ReadBatch: 50, WriteBatch: 50);

    public RequestBudget Budget => client.Budget;

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = StoredCursor.Read(Name, cursor, MailchimpJson.Default.MemberCursor) ?? new MemberCursor();
        if (at.List is null)
        {
            at = await NextListAsync(at with { StartedMs = time.GetUtcNow().ToUnixTimeMilliseconds() }, cancellationToken);
            if (at.List is null) return new Page<ContactRecord>([], Text(at), false);
        }

        IReadOnlyList<Member> members;
        try
        {
            members = (await client.MembersAsync(at.List, at.SinceMs, at.IsArchived, at.Offset, cancellationToken)).Members;
        }
        catch (ConnectorException e) when (e.Failure == ConnectorFailure.NotFound)
        {
            // The audience was deleted in the middle of the walk.
            members = [];
        }

        var next = members.Count == MailchimpClient.PageSize ? Further(at, members[^1])
            // What was archived before the first walk was never known here.
            : !at.IsArchived && at.FromMs > 0 ? at with { IsArchived = true, SinceMs = at.FromMs, Offset = 0 }
            : await NextListAsync(at, cancellationToken);
        return new Page<ContactRecord>([.. members.Select(MailchimpMembers.Read)], Text(next), next.List is not null);
    }

    /// <summary>By the moment of change and not by offset, which would shift while members change; of one second by offset all the same.</summary>
    private static MemberCursor Further(MemberCursor at, Member last)
    {
        // A second back: whether the bound itself belongs to the answer is not said.
        var since = (MailchimpMembers.Moment(last.LastChanged)?.ToUnixTimeMilliseconds() ?? 0) - 1_000;
        return since > at.SinceMs ? at with { SinceMs = since, Offset = 0 } : at with { Offset = at.Offset + MailchimpClient.PageSize - OffsetOverlap };
    }

    private async Task<MemberCursor> NextListAsync(MemberCursor at, CancellationToken cancellationToken)
    {
        var lists = await client.AudiencesAsync(RequestPriority.Background, cancellationToken);
        var next = lists.FirstOrDefault(l => string.CompareOrdinal(l, at.List) > 0);
        return next is null ? new MemberCursor(FromMs: at.StartedMs - (long)Overlap.TotalMilliseconds) : at with { List = next, IsArchived = false, SinceMs = at.FromMs, Offset = 0 };
    }

    public async Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var members = await JsonRequest.EachAsync(ids, MailchimpClient.Width, (id, token) => MailchimpMembers.Parts(id) is var (list, hash) ? client.MemberAsync(list, hash, token) : Task.FromResult<Member?>(null), cancellationToken);
        return [.. members.OfType<Member>().Select(MailchimpMembers.Read)];
    }

    public Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken) => campaigns.ReadAsync(cursor, cancellationToken);

    public Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken) => Task.FromResult(new Page<DealRecord>([], cursor ?? "", false));

    public Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<DealRecord>>([]);

    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => this.fields.EnsureAsync(fields, cancellationToken);

    public async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        // Before they go out side by side: else each would ask.
        await fields.LearnAsync(writes, cancellationToken);
        return await JsonRequest.EachAsync(writes, MailchimpClient.Width, fields.WriteAsync, cancellationToken);
    }

    public InboundResult ReadInbound(InboundRequest request) => webhook.Read(request);

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string? account = null;
        string[] lists = [];
        var steps = new List<CheckStep>
        {
            await CheckStep.TryAsync("credentials", "the key is refused: make a new one at Account, Extras, API keys", async () => account = $"account {(await client.AccountAsync(cancellationToken)).AccountId}"),
            await CheckStep.TryAsync("read audiences", "the user of the key must be a manager or an admin", async () => lists = await client.AudiencesAsync(RequestPriority.Foreground, cancellationToken)),
            await CheckStep.TryAsync("read reports", "the user of the key must see reports", () => client.ReportsAsync(time.GetUtcNow(), cancellationToken)),
        };
        if (steps.TrueForAll(s => s.IsRight) && lists.Length == 0) steps.Add(new CheckStep("audiences", false, "there is none: make an audience at Mailchimp"));
        if (lists.Length > 0)
        {
            IEnumerable<CheckStep> found = [];
            var read = await CheckStep.TryAsync("read merge fields", "the user of the key must be a manager or an admin", async () => found = await this.fields.CheckAsync(fields, cancellationToken));
            steps.AddRange([read, .. found]);
        }

        return new ConnectorCheck(account, steps);
    }

    private static string Text(MemberCursor cursor) => JsonSerializer.Serialize(cursor, MailchimpJson.Default.MemberCursor);

    public void Dispose() => client.Dispose();
}
