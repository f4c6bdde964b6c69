using System.Globalization;
using System.Net;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Our fields of persons. Pipedrive names custom fields by a hash of its own: they are found by their name for people, which is the one that we gave them, and by their type.</summary>
internal sealed class PipedriveFields(PipedriveClient client)
{
    private volatile Dictionary<string, PersonField>? known;

    /// <summary>Hashes of the fields that were looked up, for telling our own changes.</summary>
    internal IEnumerable<string> CodesWith(string prefix) => known is { } all ? all.Values.Where(f => f.FieldName.StartsWith(prefix, StringComparison.Ordinal)).Select(f => f.FieldCode) : [];

    /// <summary>Fields by their name for people or their code, those that there are.</summary>
    internal async Task<IReadOnlyList<(string Name, PersonField Field)>> NamedAsync(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        var all = known ?? await LookAsync(RequestPriority.Background, cancellationToken);
        return [.. names.Select(n => (n, all.GetValueOrDefault(n) ?? all.Values.FirstOrDefault(f => f.FieldCode == n))).Where(p => p.Item2 is not null).Select(p => (p.n, p.Item2!))];
    }

    private async Task<Dictionary<string, PersonField>> LookAsync(RequestPriority priority, CancellationToken cancellationToken)
    {
        var all = new Dictionary<string, PersonField>(StringComparer.Ordinal);
        // Of two with one name the first: it is the older one.
        foreach (var field in await client.AllAsync("personFields", PipedriveJson.Default.PersonFields, priority, cancellationToken)) all.TryAdd(field.FieldName, field);
        return known = all;
    }

    internal async Task<FieldReport> EnsureAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var there = await LookAsync(RequestPriority.Foreground, cancellationToken);
        string[] foreign = [.. fields.Where(f => there.TryGetValue(f.Name, out var t) && !IsOurs(f, t)).Select(f => f.Name)];
        var created = new List<string>();
        foreach (var field in fields.Where(f => !there.ContainsKey(f.Name)))
        {
            if (await client.CreateFieldAsync(new NewField(field.Name, TypeOf(field), field.Options is { } o && field.Kind == FieldKind.Choice ? [.. o.Select(l => new NewOption(l))] : null), cancellationToken) is not null) created.Add(field.Name);
        }

        if (created.Count > 0) there = await LookAsync(RequestPriority.Foreground, cancellationToken);
        string[] ready = [.. fields.Select(f => f.Name).Where(n => there.ContainsKey(n)).Except(foreign)];
        return new FieldReport(ready, [.. created.Where(ready.Contains)], foreign, [.. fields.Select(f => f.Name).Except(ready).Except(foreign)]);
    }

    internal async Task<IReadOnlyList<CheckStep>> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var there = await LookAsync(RequestPriority.Foreground, cancellationToken);
        string[] missing = [.. fields.Where(f => !there.ContainsKey(f.Name)).Select(f => f.Name)];
        string[] foreign = [.. fields.Where(f => there.TryGetValue(f.Name, out var t) && !IsOurs(f, t)).Select(f => f.Name)];
        var steps = new List<CheckStep>
        {
            new("fields", missing.Length == 0, missing.Length == 0 ? null : $"missing: {string.Join(", ", missing)}. They are made with the first write when the user of the token may change company settings (OAuth: the scope admin)"),
        };
        if (foreign.Length > 0) steps.Add(new CheckStep("fields of others", false, $"{string.Join(", ", foreign)} are of another type than ours would be, so they are not written. Rename them, or set another FIELDPREFIX"));
        return steps;
    }

    private static string TypeOf(FieldDefinition field) => field.Kind switch
    {
        FieldKind.Number => "double",
        FieldKind.Choice => "enum",
        // Pipedrive's date has no time: a moment is text.
        _ => "varchar",
    };

    private static bool IsOurs(FieldDefinition field, PersonField there) => there.IsCustomField && there.FieldType == TypeOf(field)
        && (field.Kind != FieldKind.Choice || (field.Options ?? []).All(o => there.Options?.Any(t => t.Label == o) == true));

    /// <summary>Writes one record after the other: there is no batch. When the vendor stops in the middle, the rest is for later.</summary>
    internal async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        var fields = known ?? await LookAsync(RequestPriority.Foreground, cancellationToken);
        var results = new List<WriteResult>(writes.Count);
        foreach (var write in writes)
        {
            try
            {
                results.Add(await WriteOneAsync(write, fields, cancellationToken));
            }
            catch (ConnectorException e) when (results.Count > 0 && e.Failure is ConnectorFailure.RateLimited or ConnectorFailure.Unavailable)
            {
                results.AddRange(writes.Skip(results.Count).ToArray().Select(w => new WriteResult(w.RecordId, WriteStatus.TryAgain, e.Failure == ConnectorFailure.RateLimited ? "RATE_LIMITED" : "UNAVAILABLE")));
                break;
            }
        }

        return results;
    }

    private async Task<WriteResult> WriteOneAsync(RecordWrite write, Dictionary<string, PersonField> fields, CancellationToken cancellationToken)
    {
        if (!PipedrivePersons.IsId(write.RecordId)) return new WriteResult(write.RecordId, WriteStatus.Rejected, "NOT_A_PERSON");
        using var stream = new MemoryStream();
        await using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartObject("custom_fields");
            foreach (var (name, value) in write.Values)
            {
                if (!fields.TryGetValue(name, out var field) || !WriteValue(json, field, value)) return new WriteResult(write.RecordId, WriteStatus.Rejected, "UNKNOWN_FIELD_OR_VALUE");
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return await client.UpdatePersonAsync(write.RecordId, stream.ToArray(), cancellationToken) switch
        {
            null => new WriteResult(write.RecordId, WriteStatus.Written),
            (HttpStatusCode.NotFound or HttpStatusCode.Gone, var code) => new WriteResult(write.RecordId, WriteStatus.Gone, code ?? "NOT_FOUND"),
            var (status, code) => new WriteResult(write.RecordId, WriteStatus.Rejected, code ?? $"HTTP_{(int)status}"),
        };
    }

    /// <returns>False when the field cannot hold it.</returns>
    private static bool WriteValue(Utf8JsonWriter json, PersonField field, string value)
    {
        if (value.Length == 0) json.WriteNull(field.FieldCode);
        else if (field.FieldType == "double")
        {
            if (!decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) return false;
            json.WriteNumber(field.FieldCode, number);
        }
        else if (field.FieldType == "enum")
        {
            if (field.Options?.FirstOrDefault(o => o.Label == value) is not { } option) return false;
            json.WritePropertyName(field.FieldCode);
            option.Id.WriteTo(json);
        }
        else json.WriteString(field.FieldCode, value);
        return true;
    }
}
