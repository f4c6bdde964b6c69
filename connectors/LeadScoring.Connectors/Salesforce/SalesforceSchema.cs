namespace LeadScoring.Connectors.Salesforce;

/// <summary>Which fields objects have for this user: a query that names one that is missing or hidden is refused as a whole.</summary>
internal sealed class SalesforceSchema(SalesforceClient client, TimeProvider time)
{
    // Long enough to cost nothing, short enough to notice a field that was made.
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(30);

    private readonly Lock state = new();
    private readonly Dictionary<string, (DateTimeOffset At, IReadOnlyDictionary<string, FieldDescription> Fields)> known = new(StringComparer.Ordinal);

    internal async Task<IReadOnlyDictionary<string, FieldDescription>> FieldsAsync(string type, CancellationToken cancellationToken, bool anew = false)
    {
        lock (state)
        {
            if (!anew && known.TryGetValue(type, out var have) && time.GetUtcNow() - have.At < Fresh) return have.Fields;
        }

        var fields = new Dictionary<string, FieldDescription>(StringComparer.OrdinalIgnoreCase);
        foreach (var field in (await client.DescribeAsync(type, cancellationToken)).Fields) fields[field.Name] = field;
        lock (state) known[type] = (time.GetUtcNow(), fields);
        return fields;
    }

    /// <summary>Those of the fields that there are; fields of another object, with a dot, are taken as they are.</summary>
    internal async Task<IReadOnlyList<string>> ThereAsync(string type, IEnumerable<string> wanted, CancellationToken cancellationToken)
    {
        var fields = await FieldsAsync(type, cancellationToken);
        return [.. wanted.Distinct(StringComparer.OrdinalIgnoreCase).Where(w => w.Contains('.') || fields.ContainsKey(w))];
    }
}
