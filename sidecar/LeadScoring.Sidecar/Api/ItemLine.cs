using System.Text.Json;

namespace LeadScoring.Sidecar.Api;

/// <summary>A line of NDJSON as an item of a batch: whatever is wrong with it becomes a fault of the item.</summary>
internal static class ItemLine
{
    /// <param name="index">Number of the line from 0; becomes the pointer.</param>
    /// <param name="maxChars">What the reader of the lines was told, for the wording.</param>
    internal static ItemReader Parse(LineReader.Line line, long index, Caller caller, int maxChars)
    {
        var pointer = $"/{index}";
        if (line.IsTooLong) return Faulty(pointer, pointer, $"The line has more than {maxChars:N0} characters.");
        try
        {
            var json = JsonElement.Parse(line.Text);
            // Half a surrogate pair can only be written as an escape.
            if (line.Text.Contains("\\u", StringComparison.Ordinal) && !IsUnicode(json)) return Faulty(pointer, pointer, "A name or text is not valid Unicode (half a surrogate pair).");
            var reader = new ItemReader(json, pointer);
            if (!reader.IsObject) reader.Errors.Add(new FieldError(pointer, "The line must be an object."));
            else if (reader.Member("organization_id") is { } organization) caller.Demand(organization.ToString());
            return reader;
        }
        catch (JsonException e)
        {
            return Faulty(pointer, pointer, $"The line is not valid JSON at byte {e.BytePositionInLine + 1}.");
        }
        catch (ProblemException e)
        {
            // The answer has begun, so this cannot be a status any more.
            return Faulty(pointer, pointer + "/organization_id", e.Message);
        }
    }

    private static bool IsUnicode(JsonElement json)
    {
        try
        {
            return json.ValueKind switch
            {
                JsonValueKind.Object => json.EnumerateObject().All(member => member.Name is not null && IsUnicode(member.Value)),
                JsonValueKind.Array => json.EnumerateArray().All(IsUnicode),
                JsonValueKind.String => json.GetString() is not null,
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static ItemReader Faulty(string pointer, string at, string detail)
    {
        var reader = new ItemReader(default, pointer);
        reader.Errors.Add(new FieldError(at, detail));
        return reader;
    }
}
