using System.Globalization;
using System.Text.Json;

namespace LeadScoring.Connectors.SendGrid;

/// <summary>Our custom fields of contacts. SendGrid says nothing of a field but name and type: one of our name and type is ours, one of our name and another type is somebody else's.</summary>
internal sealed class SendGridFields(SendGridClient client, TimeProvider time)
{
    private static readonly TimeSpan JobWait = TimeSpan.FromSeconds(5);
    private const int JobLooks = 24;

    internal async Task<FieldReport> EnsureAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var there = await ByNameAsync(cancellationToken);
        List<string> created = [], foreign = [.. Foreign(there, fields)];
        foreach (var field in fields.Where(f => !there.ContainsKey(f.Name)))
        {
            if (await client.CreateFieldAsync(new NewField(field.Name, TypeOf(field)), cancellationToken)) created.Add(field.Name);
        }

        string[] ready = [.. fields.Select(f => f.Name).Where(n => created.Contains(n) || (there.ContainsKey(n) && !foreign.Contains(n)))];
        return new FieldReport(ready, created, foreign, [.. fields.Select(f => f.Name).Except(ready).Except(foreign)]);
    }

    internal async Task<IReadOnlyList<CheckStep>> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var there = await ByNameAsync(cancellationToken);
        string[] missing = [.. fields.Select(f => f.Name).Where(n => !there.ContainsKey(n))];
        string[] foreign = [.. Foreign(there, fields)];
        var steps = new List<CheckStep> { new("fields", missing.Length == 0, missing.Length == 0 ? null : $"missing: {string.Join(", ", missing)}. They are made with the first write when the key has the scope marketing.read and marketing.update") };
        if (foreign.Length > 0) steps.Add(new CheckStep("fields of others", false, $"{string.Join(", ", foreign)} are of another type than ours, so they are not written. Rename them, or set another FIELDPREFIX"));
        return steps;
    }

    /// <summary>Writes by address, as SendGrid does, of contacts that exist: looked up first, so that nobody is made who was deleted.</summary>
    internal async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        if (writes.Count == 0) return [];
        var contacts = (await client.ContactsAsync([.. writes.Select(w => w.RecordId)], Http.RequestPriority.Foreground, cancellationToken)).ToDictionary(c => c.Id, StringComparer.Ordinal);
        var fields = await ByNameAsync(cancellationToken);
        var results = new Dictionary<string, WriteResult>(StringComparer.Ordinal);
        var open = new List<(string Id, UpsertedContact Contact)>();
        foreach (var write in writes)
        {
            if (!contacts.TryGetValue(write.RecordId, out var contact)) results[write.RecordId] = new WriteResult(write.RecordId, WriteStatus.Gone, "NOT_FOUND");
            else if (write.Values.Keys.Any(n => !fields.ContainsKey(n))) results[write.RecordId] = new WriteResult(write.RecordId, WriteStatus.Rejected, "FIELD_MISSING");
            else open.Add((write.RecordId, new UpsertedContact(contact.Email, Some(contact.PhoneNumberId), Some(contact.ExternalId), Some(contact.AnonymousId), write.Values.ToDictionary(v => fields[v.Key].Id, v => Value(fields[v.Key], v.Value)))));
        }

        foreach (var result in await UpsertAsync(open, cancellationToken)) results[result.RecordId] = result;
        return [.. writes.Select(w => results[w.RecordId])];
    }

    /// <summary>A job says only whether all of it went well: halves find out which record did not.</summary>
    private async Task<IReadOnlyList<WriteResult>> UpsertAsync(IReadOnlyList<(string Id, UpsertedContact Contact)> open, CancellationToken cancellationToken)
    {
        if (open.Count == 0) return [];
        var job = await client.UpsertAsync(new ContactUpsert([.. open.Select(o => o.Contact)]), cancellationToken);
        var status = job is null ? "failed" : await OutcomeAsync(job, cancellationToken);
        if (status == "completed") return [.. open.Select(o => new WriteResult(o.Id, WriteStatus.Written))];
        if (status == "pending") return [.. open.Select(o => new WriteResult(o.Id, WriteStatus.TryAgain, "PENDING"))];
        if (open.Count == 1) return [new WriteResult(open[0].Id, WriteStatus.Rejected, "IMPORT_FAILED")];
        var half = open.Count / 2;
        return [.. await UpsertAsync([.. open.Take(half)], cancellationToken), .. await UpsertAsync([.. open.Skip(half)], cancellationToken)];
    }

    private async Task<string> OutcomeAsync(string job, CancellationToken cancellationToken)
    {
        for (var look = 0; look < JobLooks; look++)
        {
            var status = await client.JobAsync(job, cancellationToken);
            if (status is "completed" or "errored" or "failed") return status;
            await Task.Delay(JobWait, time, cancellationToken);
        }

        return "pending";
    }

    private async Task<Dictionary<string, CustomField>> ByNameAsync(CancellationToken cancellationToken) =>
        (await client.FieldsAsync(cancellationToken)).GroupBy(f => f.Name, StringComparer.OrdinalIgnoreCase).ToDictionary(g => g.Key, g => g.First(), StringComparer.OrdinalIgnoreCase);

    private static IEnumerable<string> Foreign(Dictionary<string, CustomField> there, IReadOnlyList<FieldDefinition> fields) =>
        fields.Where(f => there.TryGetValue(f.Name, out var field) && field.FieldType != TypeOf(f)).Select(f => f.Name);

    // A date of SendGrid has no time of day.
    private static string TypeOf(FieldDefinition field) => field.Kind == FieldKind.Number ? "Number" : "Text";

    private static JsonElement Value(CustomField field, string value) => field.FieldType == "Number" && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
        ? JsonElement.Parse(number.ToString("R", CultureInfo.InvariantCulture))
        : JsonElement.Parse($"\"{JsonEncodedText.Encode(value)}\"");

    private static string? Some(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
