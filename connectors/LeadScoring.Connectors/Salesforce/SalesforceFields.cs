using System.Globalization;
using System.Text.Json;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>Our fields of leads and contacts: looked for by name, and written 200 records at a time.</summary>
/// <remarks>
/// They are not made here: that takes the Metadata API with the right to customize the application, and no contract of it is at hand. The check says how an administrator makes them.
/// One is ours when its help text says so, and only then it is written: any other of the name is the customer's.
/// </remarks>
internal sealed class SalesforceFields(SalesforceClient client, SalesforceSchema schema)
{
    /// <summary>What the help text of a field of ours holds.</summary>
    internal const string Mark = "lead scoring";

    private static readonly string[] Types = [SalesforceContacts.Lead, SalesforceContacts.Contact];
    private static readonly string[] Numbers = ["double", "int", "currency", "percent"];
    private static readonly string[] Texts = ["string", "textarea", "picklist", "combobox"];
    private static readonly string[] Moments = ["datetime"];

    internal static string NameOf(string field) => field + "__c";

    internal async Task<FieldReport> EnsureAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var found = await FindAsync(fields, cancellationToken);
        string[] foreign = [.. fields.Select(f => f.Name).Where(n => found.Any(x => x.Field.Name == n && x.IsThere && !x.IsOurs))];
        string[] missing = [.. fields.Select(f => f.Name).Except(foreign).Where(n => found.Any(x => x.Field.Name == n && !x.IsThere))];
        return new FieldReport([.. fields.Select(f => f.Name).Except(foreign).Except(missing)], [], foreign, missing);
    }

    internal async Task<IReadOnlyList<CheckStep>> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var found = await FindAsync(fields, cancellationToken);
        var steps = new List<CheckStep>();
        foreach (var type in Types)
        {
            string[] missing = [.. found.Where(x => x.Type == type && !x.IsThere).Select(x => $"{NameOf(x.Field.Name)} ({Describe(x.Field)})")];
            string[] foreign = [.. found.Where(x => x.Type == type && x is { IsThere: true, IsOurs: false }).Select(x => NameOf(x.Field.Name))];
            steps.Add(new CheckStep($"fields of {type}", missing.Length == 0, missing.Length == 0 ? null
                : $"missing: {string.Join(", ", missing)}. Make them in Setup, Object Manager, {type}, Fields & Relationships, with \"{Mark}\" in the help text, and let the user of this connection read and edit them"
                    + (type == SalesforceContacts.Lead ? "; then map each to the contact's field under Map Lead Fields" : "")));
            if (foreign.Length > 0)
                steps.Add(new CheckStep($"fields of others of {type}", false, $"{string.Join(", ", foreign)} are of another type, may not be edited, or do not hold \"{Mark}\" in their help text, so they are not written. Correct that if they are meant for it, or set another FIELDPREFIX"));
        }

        return steps;
    }

    private sealed record Found(string Type, FieldDefinition Field, bool IsThere, bool IsOurs);

    private async Task<IReadOnlyList<Found>> FindAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var found = new List<Found>();
        foreach (var type in Types)
        {
            var there = await schema.FieldsAsync(type, cancellationToken, anew: true);
            found.AddRange(fields.Select(f => there.TryGetValue(NameOf(f.Name), out var d) ? new Found(type, f, true, IsOurs(f, d)) : new Found(type, f, false, false)));
        }

        return found;
    }

    private static bool IsOurs(FieldDefinition field, FieldDescription there) => there is { Updateable: true, Calculated: false } && there.InlineHelpText?.Contains(Mark, StringComparison.OrdinalIgnoreCase) == true
        && (field.Kind switch { FieldKind.Number => Numbers, FieldKind.Moment => Moments, _ => Texts }).Contains(there.Type);

    private static string Describe(FieldDefinition field) => field.Kind switch
    {
        FieldKind.Number => "Number, 16 digits and 2 decimals",
        FieldKind.Moment => "Date/Time",
        FieldKind.Choice => $"Picklist of {string.Join(", ", field.Options ?? [])}",
        _ => "Text, 255 characters",
    };

    /// <summary>Writes records, each on its own; where a whole request is refused, halves find out for which.</summary>
    internal async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        // By type: a request may change from one type to another ten times at most.
        RecordWrite[] ordered = [.. writes.Where(w => SalesforceContacts.TypeOf(w.RecordId) is not null).OrderBy(w => SalesforceContacts.TypeOf(w.RecordId), StringComparer.Ordinal)];
        var results = (await WriteOrderedAsync(ordered, cancellationToken)).ToDictionary(r => r.RecordId, StringComparer.Ordinal);
        return [.. writes.Select(w => results.GetValueOrDefault(w.RecordId) ?? new WriteResult(w.RecordId, WriteStatus.Rejected, "NOT_A_LEAD_OR_CONTACT"))];
    }

    private async Task<IReadOnlyList<WriteResult>> WriteOrderedAsync(RecordWrite[] writes, CancellationToken cancellationToken)
    {
        if (writes.Length == 0) return [];
        var (saved, code) = await client.UpdateAsync(await BodyAsync(writes, cancellationToken), cancellationToken);
        if (saved is null)
        {
            if (writes.Length == 1) return [ResultOf(writes[0].RecordId, code)];
            var half = writes.Length / 2;
            return [.. await WriteOrderedAsync(writes[..half], cancellationToken), .. await WriteOrderedAsync(writes[half..], cancellationToken)];
        }

        // The answer is in the order of the request.
        return [.. writes.Select((w, i) => i >= saved.Count ? new WriteResult(w.RecordId, WriteStatus.TryAgain, "NOT_CONFIRMED")
            : saved[i].Success ? new WriteResult(w.RecordId, WriteStatus.Written) : ResultOf(w.RecordId, saved[i].Errors?.FirstOrDefault()?.StatusCode))];
    }

    private static WriteResult ResultOf(string id, string? code) => new(
        id,
        code switch
        {
            // A converted lead is kept and cannot be written any more; it lives on as a contact.
            "ENTITY_IS_DELETED" or "INVALID_CROSS_REFERENCE_KEY" or "NOT_FOUND" or "CANNOT_UPDATE_CONVERTED_LEAD" => WriteStatus.Gone,
            "UNABLE_TO_LOCK_ROW" or "SERVER_UNAVAILABLE" or SalesforceClient.LimitExceeded or "UNKNOWN_EXCEPTION" or "ALL_OR_NONE_OPERATION_ROLLED_BACK" => WriteStatus.TryAgain,
            _ => WriteStatus.Rejected,
        },
        SalesforceClient.IsCode(code) ? code : "REFUSED");

    private async Task<byte[]> BodyAsync(RecordWrite[] writes, CancellationToken cancellationToken)
    {
        using var stream = new MemoryStream();
        await using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteBoolean("allOrNone", false);
            json.WriteStartArray("records");
            foreach (var write in writes)
            {
                var type = SalesforceContacts.TypeOf(write.RecordId)!;
                var there = await schema.FieldsAsync(type, cancellationToken);
                json.WriteStartObject();
                json.WriteStartObject("attributes");
                json.WriteString("type", type);
                json.WriteEndObject();
                json.WriteString("id", write.RecordId);
                foreach (var (name, value) in write.Values) WriteValue(json, NameOf(name), value, there.GetValueOrDefault(NameOf(name))?.Type);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void WriteValue(Utf8JsonWriter json, string name, string value, string? type)
    {
        if (value.Length == 0) json.WriteNull(name);
        // Salesforce takes no text for a number.
        else if (type is not null && Numbers.Contains(type) && decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) json.WriteNumber(name, number);
        else json.WriteString(name, value);
    }
}
