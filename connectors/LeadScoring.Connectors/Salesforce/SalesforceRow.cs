using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>A record as a query gives it, from JSON or from CSV: names as in the query, <c>Account.Industry</c> for fields of another object; values as text, null where empty.</summary>
internal sealed class SalesforceRow(Dictionary<string, string?> values)
{
    internal string Id => Text("Id") ?? "";

    internal bool IsDeleted => Flag("IsDeleted");

    internal string? Text(string name) => values.TryGetValue(name, out var value) && !string.IsNullOrWhiteSpace(value) ? value : null;

    internal bool Flag(string name) => string.Equals(Text(name), "true", StringComparison.OrdinalIgnoreCase);

    internal double? Number(string name) => double.TryParse(Text(name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    /// <summary>A moment, or the begin of a day in UTC.</summary>
    internal DateTimeOffset? Moment(string name) =>
        // REST writes +0000, which is no ISO 8601; CSV writes Z.
        DateTimeOffset.TryParse(Text(name)?.Replace("+0000", "Z", StringComparison.Ordinal), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;

    internal static SalesforceRow Of(JsonElement record)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        Flatten("", record, values);
        return new SalesforceRow(values);
    }

    private static void Flatten(string prefix, JsonElement record, Dictionary<string, string?> values)
    {
        foreach (var member in record.EnumerateObject())
        {
            if (member.Name == "attributes") continue;
            if (member.Value.ValueKind == JsonValueKind.Object) Flatten($"{prefix}{member.Name}.", member.Value, values);
            else if (member.Value.ValueKind != JsonValueKind.Array) values[prefix + member.Name] = member.Value.ValueKind == JsonValueKind.Null ? null : member.Value.ToString();
        }
    }

    /// <summary>Rows of a CSV file with a header: comma, quotes doubled within quotes, lines ended by LF or CRLF, line breaks within quotes.</summary>
    /// <exception cref="FormatException">It is none: a row has other columns than the header, or a quote does not end.</exception>
    internal static IReadOnlyList<SalesforceRow> OfCsv(byte[] csv)
    {
        var lines = Lines(Encoding.UTF8.GetString(csv));
        if (lines.Count == 0) return [];
        var header = lines[0];
        var rows = new List<SalesforceRow>(lines.Count - 1);
        foreach (var line in lines.Skip(1))
        {
            if (line.Count != header.Count) throw new FormatException("a row has other columns than the header");
            var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
            for (var i = 0; i < line.Count; i++) values[header[i]] = line[i].Length == 0 ? null : line[i];
            rows.Add(new SalesforceRow(values));
        }

        return rows;
    }

    private static List<List<string>> Lines(string text)
    {
        var (lines, line, field, quoted) = (new List<List<string>>(), new List<string>(), new StringBuilder(), false);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted)
            {
                if (c != '"') field.Append(c);
                else if (i + 1 < text.Length && text[i + 1] == '"') field.Append(text[i++]);
                else quoted = false;
            }
            else if (c == '"') quoted = true;
            else if (c == ',' || c == '\n') EndField(c == '\n');
            else if (c != '\r') field.Append(c);
        }

        if (quoted) throw new FormatException("a quote does not end");
        if (field.Length > 0 || line.Count > 0) EndField(endsLine: true);
        return lines;

        void EndField(bool endsLine)
        {
            line.Add(field.ToString());
            field.Clear();
            if (!endsLine) return;
            lines.Add(line);
            line = [];
        }
    }
}
