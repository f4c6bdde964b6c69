using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Generic;

/// <summary>Any API of HTTP and JSON that a definition describes: option DEFINITION holds it, or FILE names the file that does. See connectors/GENERIC.md.</summary>
internal sealed class GenericConnector : IConnector
{
    private const int Width = 4;
    private const int LongestId = 150;

    private readonly GenericDefinition definition;
    private readonly GenericClient client;
    private readonly HashSet<string> written;

    private GenericConnector(ConnectorHost host)
    {
        Name = host.Account;
        definition = Load(host);
        written = definition.WriteBack?.Body is { } body ? [.. GenericValidation.Words(body.GetRawText())] : [];
        client = new GenericClient(host, definition);
        Abilities = new ConnectorAbilities(definition.Contacts is not null, definition.Activity is not null, definition.Deals is not null, definition.WriteBack is not null, Inbound: false, ReadBatch: 50, WriteBatch: 50);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new GenericConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; }

    public RequestBudget Budget => client.Budget;

    private static GenericDefinition Load(ConnectorHost host)
    {
        ConnectorException Wrong(string what) => new(host.Account, ConnectorFailure.Misconfigured, "definition: " + what);
        var options = host.Settings.Options;
        var text = options.GetValueOrDefault("Definition");
        try
        {
            if (string.IsNullOrWhiteSpace(text)) text = File.ReadAllText(options.GetValueOrDefault("File") is { Length: > 0 } file ? file : throw Wrong("there is none; set OPTIONS__FILE to the path of its JSON file, or OPTIONS__DEFINITION to the JSON itself"));
            var read = JsonSerializer.Deserialize(text, GenericJson.Default.GenericDefinition) ?? throw Wrong("is null; write an object");
            var faults = GenericValidation.Of(read, host.Settings.FieldPrefix);
            return faults.Count == 0 ? read : throw Wrong(string.Join("; ", faults));
        }
        catch (JsonException e)
        {
            throw Wrong($"{e.Path ?? "$"}, line {(e.LineNumber ?? 0) + 1}: is no JSON of the right form, or has a member that is not known; see connectors/GENERIC.md");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Wrong("OPTIONS__FILE cannot be read; look at the path and at the rights of the file");
        }
    }

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var (records, next, hasMore) = await client.ReadAsync(definition.Contacts!, "contacts", cursor, RequestPriority.Background, cancellationToken);
        return new Page<ContactRecord>([.. records.Select(Contact).OfType<ContactRecord>()], next, hasMore);
    }

    public async Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken)
    {
        var (records, next, hasMore) = await client.ReadAsync(definition.Activity!, "activity", cursor, RequestPriority.Background, cancellationToken);
        return new Page<ActivityRecord>([.. records.Select(Activity).OfType<ActivityRecord>()], next, hasMore);
    }

    public async Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var (records, next, hasMore) = await client.ReadAsync(definition.Deals!, "deals", cursor, RequestPriority.Background, cancellationToken);
        return new Page<DealRecord>([.. records.Select(Deal).OfType<DealRecord>()], next, hasMore);
    }

    // There are no webhooks to fetch for.
    public Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => throw new NotSupportedException("A generic connector has no webhooks.");

    public Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => throw new NotSupportedException("A generic connector has no webhooks.");

    /// <summary>Fields are where the template puts them; those that it does not mention are not written.</summary>
    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) =>
        Task.FromResult(new FieldReport([.. fields.Select(f => f.Name).Where(written.Contains)], [], [], [.. fields.Select(f => f.Name).Where(n => !written.Contains(n))]));

    public async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken) =>
        await JsonRequest.EachAsync(writes, Width, (write, token) => client.WriteAsync(definition.WriteBack!, write, token), cancellationToken);

    public InboundResult ReadInbound(InboundRequest request) => InboundResult.Refused("a generic connector has no webhooks");

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var steps = new List<CheckStep>();
        if (definition.Check is { } path) steps.Add(await CheckStep.TryAsync("credentials", "the API refuses them: look at TOKEN and at headers of the definition", () => client.CheckAsync(path, cancellationToken)));
        foreach (var (source, what, fieldsOf) in new (GenericSource? Source, string What, string[] Fields)[]
        {
            (definition.Contacts, "contacts", ["id"]), (definition.Activity, "activity", ["id", "type", "occurredAt"]), (definition.Deals, "deals", ["id", "state"]),
        })
        {
            if (source is not null) steps.Add(await CheckStep.TryAsync("read " + what, "the API refuses it: look at TOKEN and at what it may read", () => TryReadAsync(source, what, fieldsOf, cancellationToken)));
        }

        return new ConnectorCheck(null, steps);
    }

    /// <summary>Reads a page and looks whether its first record has what it must.</summary>
    private async Task TryReadAsync(GenericSource source, string what, string[] required, CancellationToken cancellationToken)
    {
        var (records, _, _) = await client.ReadAsync(source, what, null, RequestPriority.Foreground, cancellationToken);
        if (records.Length == 0) return;
        foreach (var name in required.Where(r => JsonPointer.Text(records[0], source.Fields![r]) is null))
            throw new ConnectorException(Name, ConnectorFailure.Misconfigured, $"{what}.fields.{name}: the first record has nothing at '{source.Fields![name]}'; correct the JSON pointer");
    }

    private ContactRecord? Contact(JsonElement record)
    {
        var fields = definition.Contacts!.Fields!;
        if (Id(record, fields) is not { } id) return null;
        if (JsonPointer.Text(record, fields.GetValueOrDefault("deleted")) is "true" or "1") return new ContactRecord(id, null, new Dictionary<string, string?>()) { IsDeleted = true };
        return new ContactRecord(id, JsonPointer.Text(record, fields.GetValueOrDefault("email")), Properties(record, fields).ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal), JsonPointer.Moment(record, fields.GetValueOrDefault("createdAt")));
    }

    private ActivityRecord? Activity(JsonElement record)
    {
        var source = definition.Activity!;
        var fields = source.Fields!;
        var word = JsonPointer.Text(record, fields["type"]);
        // Without a table the API's words are types; with one, others are no activity.
        var type = source.Values is { Count: > 0 } values ? values.GetValueOrDefault(word ?? "") : word;
        var (contact, email) = (JsonPointer.Text(record, fields.GetValueOrDefault("contactId")), JsonPointer.Text(record, fields.GetValueOrDefault("email")));
        if (Id(record, fields) is not { } id || type is null || (contact ?? email) is null || JsonPointer.Moment(record, fields["occurredAt"]) is not { } at) return null;
        var details = Properties(record, fields).Where(p => p.Value is not null).ToDictionary(p => p.Name, p => p.Value!, StringComparer.Ordinal);
        return new ActivityRecord(id, contact, contact is null ? email : null, type, source.Source, at, details.Count > 0 ? details : null);
    }

    private DealRecord? Deal(JsonElement record)
    {
        var source = definition.Deals!;
        var fields = source.Fields!;
        if (Id(record, fields) is not { } id) return null;
        // A word that the table does not have is a deal that is not decided.
        var state = Enum.TryParse<DealState>(source.Values!.GetValueOrDefault(JsonPointer.Text(record, fields["state"]) ?? ""), ignoreCase: true, out var known) ? known : DealState.Open;
        var closedAt = state is DealState.Won or DealState.Lost ? JsonPointer.Moment(record, fields.GetValueOrDefault("closedAt")) : null;
        var amount = double.TryParse(JsonPointer.Text(record, fields.GetValueOrDefault("amount")), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : (double?)null;
        return new DealRecord(id, state, [.. JsonPointer.All(record, fields["contactIds"]).Select(JsonPointer.Text).OfType<string>()], closedAt, amount, JsonPointer.Text(record, fields.GetValueOrDefault("stage")));
    }

    private static string? Id(JsonElement record, Dictionary<string, string> fields) => JsonPointer.Text(record, fields["id"]) is { Length: <= LongestId } id ? id : null;

    private static IEnumerable<(string Name, string? Value)> Properties(JsonElement record, Dictionary<string, string> fields) =>
        fields.Where(f => f.Key.StartsWith("properties.", StringComparison.Ordinal)).Select(f => (f.Key["properties.".Length..], JsonPointer.Text(record, f.Value)));

    public void Dispose() => client.Dispose();
}
