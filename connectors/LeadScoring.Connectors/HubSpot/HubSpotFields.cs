using System.Net;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>Our properties of contacts: made in a group of their own, and written a batch at a time.</summary>
internal static class HubSpotFields
{
    internal static async Task<FieldReport> EnsureAsync(HubSpotClient client, IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var there = (await client.PropertiesAsync(HubSpotContacts.Type, cancellationToken)).Results.ToDictionary(p => p.Name, StringComparer.Ordinal);
        FieldDefinition[] absent = [.. fields.Where(f => !there.ContainsKey(f.Name))];
        List<string> created = [], foreign = [.. fields.Where(f => there.TryGetValue(f.Name, out var p) && p.GroupName != HubSpotConnector.Group).Select(f => f.Name)];
        if (absent.Length > 0) await client.EnsureGroupAsync(HubSpotContacts.Type, new GroupBody(HubSpotConnector.Group, "Lead scoring"), cancellationToken);
        foreach (var field in absent)
        {
            // Made by somebody this moment: whose it is, the next look tells.
            if (await client.CreatePropertyAsync(HubSpotContacts.Type, Body(field), cancellationToken)) created.Add(field.Name);
        }

        string[] ready = [.. fields.Select(f => f.Name).Where(n => created.Contains(n) || (there.ContainsKey(n) && !foreign.Contains(n)))];
        return new FieldReport(ready, created, foreign, [.. fields.Select(f => f.Name).Except(ready).Except(foreign)]);
    }

    internal static IEnumerable<CheckStep> Check(PropertyList there, IReadOnlyList<FieldDefinition> fields)
    {
        var known = there.Results.ToDictionary(p => p.Name, StringComparer.Ordinal);
        string[] missing = [.. fields.Where(f => !known.ContainsKey(f.Name)).Select(f => f.Name)];
        string[] foreign = [.. fields.Where(f => known.TryGetValue(f.Name, out var p) && p.GroupName != HubSpotConnector.Group).Select(f => f.Name)];
        yield return new CheckStep("fields", missing.Length == 0, missing.Length == 0 ? null
            : $"missing: {string.Join(", ", missing)}. They are made with the first write when the token has the scope crm.schemas.contacts.write, in a property group {HubSpotConnector.Group}");
        if (foreign.Length > 0)
            yield return new CheckStep("fields of others", false, $"{string.Join(", ", foreign)} are not in the group {HubSpotConnector.Group}, so they are not ours and not written. Rename them, or set another FIELDPREFIX");
    }

    /// <summary>Writes a batch; where HubSpot refuses a whole batch for one record of it, halves find out which.</summary>
    internal static async Task<IReadOnlyList<WriteResult>> WriteAsync(HubSpotClient client, IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        if (writes.Count == 0) return [];
        var (status, answer, code) = await client.UpdateAsync(HubSpotContacts.Type, new BatchUpdate([.. writes.Select(w => new BatchUpdateInput(w.RecordId, w.Values))]), cancellationToken);
        if (status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound)
        {
            if (writes.Count == 1) return [new WriteResult(writes[0].RecordId, status == HttpStatusCode.NotFound || code == "OBJECT_NOT_FOUND" ? WriteStatus.Gone : WriteStatus.Rejected, code ?? $"HTTP_{(int)status}")];
            var half = writes.Count / 2;
            return [.. await WriteAsync(client, [.. writes.Take(half)], cancellationToken), .. await WriteAsync(client, [.. writes.Skip(half)], cancellationToken)];
        }

        var written = (answer.Results ?? []).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        var errors = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var error in answer.Errors ?? [])
        {
            foreach (var id in error.Context?.GetValueOrDefault("ids") ?? []) errors[id] = error.Category ?? "";
        }

        return [.. writes.Select(w => ResultOf(w.RecordId, written, errors))];
    }

    private static WriteResult ResultOf(string id, HashSet<string> written, Dictionary<string, string> errors) => errors.TryGetValue(id, out var category)
        ? new WriteResult(id, category switch { "OBJECT_NOT_FOUND" => WriteStatus.Gone, "RATE_LIMITS" or "INTERNAL_ERROR" or "CONFLICT" => WriteStatus.TryAgain, _ => WriteStatus.Rejected }, category)
        // A contact that was merged answers under its new id; one that nobody speaks of was not written.
        : written.Contains(id) || errors.Count == 0 && written.Count > 0 ? new WriteResult(id, WriteStatus.Written) : new WriteResult(id, WriteStatus.TryAgain, "NOT_CONFIRMED");

    private static PropertyBody Body(FieldDefinition field) => new(
        field.Name, field.Label,
        field.Kind switch { FieldKind.Number => "number", FieldKind.Choice => "enumeration", FieldKind.Moment => "datetime", _ => "string" },
        field.Kind switch { FieldKind.Number => "number", FieldKind.Choice => "select", FieldKind.Moment => "date", _ => "text" },
        HubSpotConnector.Group, field.Options is { } options ? [.. options.Select((o, i) => new PropertyOption(o, o, i))] : null);
}
