using System.Globalization;
using System.Net;
using System.Text.Json;

namespace LeadScoring.Connectors.Mailchimp;

/// <summary>Our merge fields. A tag has room for ten characters, so the field's help text holds its whole name: by that it is known to be ours.</summary>
internal sealed class MailchimpFields(MailchimpClient client)
{
    internal const string TagPrefix = "LS_";
    private const int LongestTag = 10;
    private const int LongestText = 255;
    private const string Marker = "Written by lead scoring: ";

    // Tags by audience and name; what is not known is looked up once.
    private readonly Dictionary<string, IReadOnlyDictionary<string, MergeField>> known = new(StringComparer.Ordinal);
    private readonly Lock state = new();

    internal async Task<FieldReport> EnsureAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        HashSet<string> created = [], foreign = [], missing = [];
        var lists = await client.AudiencesAsync(Http.RequestPriority.Foreground, cancellationToken);
        foreach (var list in lists)
        {
            var there = (await client.MergeFieldsAsync(list, cancellationToken)).ToList();
            foreach (var field in fields.Where(f => Find(there, f.Name) is null))
            {
                if (FreeTag(there, field.Name) is not { } tag) foreign.Add(field.Name);
                else
                {
                    var made = new MergeField(tag, field.Label, field.Kind == FieldKind.Number ? "number" : "text", Marker + field.Name, Public: false, Required: false);
                    if (!await client.CreateMergeFieldAsync(list, made, cancellationToken))
                    {
                        missing.Add(field.Name);
                        continue;
                    }

                    there.Add(made);
                    created.Add(field.Name);
                }
            }

            lock (state) known[list] = Ours(there);
        }

        // A field that one audience cannot have is not written anywhere: half of the members with a grade would mislead.
        string[] ready = lists.Length == 0 ? [] : [.. fields.Select(f => f.Name).Where(n => !foreign.Contains(n) && !missing.Contains(n))];
        return new FieldReport(ready, [.. created.Except(missing)], [.. foreign], lists.Length == 0 ? [.. fields.Select(f => f.Name)] : [.. missing.Except(foreign)]);
    }

    internal async Task<IEnumerable<CheckStep>> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        var steps = new List<CheckStep>();
        foreach (var list in await client.AudiencesAsync(Http.RequestPriority.Foreground, cancellationToken))
        {
            var there = await client.MergeFieldsAsync(list, cancellationToken);
            string[] absent = [.. fields.Select(f => f.Name).Where(n => Find(there, n) is null)];
            string[] foreign = [.. absent.Where(n => FreeTag(there, n) is null)];
            steps.Add(new CheckStep($"fields of audience {list}", absent.Length == 0, absent.Length == 0 ? null : $"missing: {string.Join(", ", absent.Except(foreign))}. They are made with the first write; an audience has room for 30 merge fields, in the larger plans 80"));
            if (foreign.Length > 0) steps.Add(new CheckStep($"fields of others in audience {list}", false, $"the tags of {string.Join(", ", foreign)} ({string.Join(", ", foreign.Select(n => Tag(n, 0)))}) are taken by fields that are not ours: rename those tags"));
        }

        return steps;
    }

    internal async Task<WriteResult> WriteAsync(RecordWrite write, CancellationToken cancellationToken)
    {
        if (MailchimpMembers.Parts(write.RecordId) is not var (list, hash)) return new WriteResult(write.RecordId, WriteStatus.Rejected, "NO_MEMBER_ID");
        var ours = await OursAsync(list, cancellationToken);
        var values = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (name, value) in write.Values)
        {
            // A field that is not there must not be written under a tag that may be somebody else's.
            if (!ours.TryGetValue(name, out var field)) return new WriteResult(write.RecordId, WriteStatus.Rejected, "FIELD_MISSING");
            values[field.Tag!] = Value(field, value);
        }

        var (status, code) = await client.PatchMemberAsync(list, hash, values, cancellationToken);
        return status switch
        {
            HttpStatusCode.NotFound => new WriteResult(write.RecordId, WriteStatus.Gone, code),
            HttpStatusCode.BadRequest => new WriteResult(write.RecordId, WriteStatus.Rejected, code ?? "HTTP_400"),
            _ => new WriteResult(write.RecordId, WriteStatus.Written),
        };
    }

    internal async Task LearnAsync(IEnumerable<RecordWrite> writes, CancellationToken cancellationToken)
    {
        foreach (var list in writes.Select(w => MailchimpMembers.Parts(w.RecordId)?.List).OfType<string>().Distinct(StringComparer.Ordinal)) await OursAsync(list, cancellationToken);
    }

    private async Task<IReadOnlyDictionary<string, MergeField>> OursAsync(string list, CancellationToken cancellationToken)
    {
        lock (state) if (known.TryGetValue(list, out var found)) return found;
        IReadOnlyDictionary<string, MergeField> ours;
        try
        {
            ours = Ours(await client.MergeFieldsAsync(list, cancellationToken));
        }
        catch (ConnectorException e) when (e.Failure == ConnectorFailure.NotFound)
        {
            return new Dictionary<string, MergeField>();
        }

        lock (state) return known[list] = ours;
    }

    private static Dictionary<string, MergeField> Ours(IEnumerable<MergeField> fields) =>
        fields.Where(f => f.Tag is not null && f.HelpText?.StartsWith(Marker, StringComparison.Ordinal) == true).GroupBy(f => f.HelpText![Marker.Length..], StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);

    private static MergeField? Find(IEnumerable<MergeField> fields, string name) => Ours(fields).GetValueOrDefault(name);

    /// <summary>The field's tag; when another field of ours has it (reason_1 and reason_10 begin alike), one with a number. Null: somebody else has it.</summary>
    private static string? FreeTag(IReadOnlyCollection<MergeField> there, string name)
    {
        for (var n = 0; n < 10; n++)
        {
            var tag = Tag(name, n);
            var holder = there.FirstOrDefault(f => string.Equals(f.Tag, tag, StringComparison.OrdinalIgnoreCase));
            if (holder is null) return tag;
            if (holder.HelpText?.StartsWith(Marker, StringComparison.Ordinal) != true) return null;
        }

        return null;
    }

    private static string Tag(string name, int n)
    {
        const string Prefix = "lead_scoring_";
        var text = (name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name).Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
        var number = n == 0 ? "" : n.ToString(CultureInfo.InvariantCulture);
        var room = LongestTag - TagPrefix.Length - number.Length;
        return TagPrefix + (text.Length <= room ? text : text[..room]) + number;
    }

    private static JsonElement Value(MergeField field, string value) => field.Type == "number" && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
        ? JsonElement.Parse(number.ToString("R", CultureInfo.InvariantCulture))
        : JsonElement.Parse(JsonEncode(value.Length <= LongestText ? value : value[..LongestText]));

    private static string JsonEncode(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
