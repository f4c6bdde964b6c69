using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>NDJSON in, NDJSON out: one request a line, one result a line, in order, scored in chunks while the rest is still coming.</summary>
internal static class ScoreStream
{
    internal const string ContentType = "application/x-ndjson";

    private const int ChunkLines = 500;
    private const int MaxLineChars = 1_000_000;

    internal static async Task HandleAsync(HttpContext http, Caller caller, ScoreLeads score, TimeProvider time, CancellationToken cancellationToken)
    {
        http.Response.ContentType = ContentType;
        using var reader = new StreamReader(http.Request.Body);
        var chunk = new List<(ItemReader Reader, JsonDocument? Document)>(ChunkLines);
        var numbers = new List<int>(ChunkLines);
        var lines = new LineReader(reader, MaxLineChars);
        for (var number = 0; ; number++)
        {
            var line = await lines.ReadAsync(cancellationToken);
            if (line is { IsEmpty: false })
            {
                chunk.Add(Parse(line, number, caller));
                numbers.Add(number);
            }

            if (chunk.Count < ChunkLines && line is not null) continue;
            var items = await PostScoreBatch.ScoreAsync([.. chunk.Select(c => c.Reader)], 0, caller, score, time, cancellationToken);
            Write(http.Response, items, numbers);
            await http.Response.BodyWriter.FlushAsync(cancellationToken);
            foreach (var (_, document) in chunk) document?.Dispose();
            if (line is null) return;
            chunk.Clear();
            numbers.Clear();
        }
    }

    private static void Write(HttpResponse response, IReadOnlyList<PostScoreBatch.Item> items, List<int> numbers)
    {
        using var buffer = JsonBuffer.Rent();
        foreach (var item in items)
        {
            AnswerJson.Write(buffer.Json, item with { Index = numbers[item.Index] });
            buffer.WriteLine(response);
        }
    }

    private static (ItemReader Reader, JsonDocument? Document) Parse(LineReader.Line line, int index, Caller caller)
    {
        ItemReader reader;
        if (line.IsTooLong)
        {
            reader = new ItemReader(default, $"/{index}");
            reader.Errors.Add(new FieldError(reader.Pointer, $"The line has more than {MaxLineChars:N0} characters."));
            return (reader, null);
        }

        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(line.Text);
            reader = new ItemReader(document.RootElement, $"/{index}");
            if (!reader.IsObject) reader.Errors.Add(new FieldError(reader.Pointer, "The line must be an object."));
            else if (reader.Member("organization_id") is { } organization) caller.Demand(organization.ToString());
        }
        catch (JsonException e)
        {
            reader = new ItemReader(default, $"/{index}");
            reader.Errors.Add(new FieldError(reader.Pointer, $"The line is not valid JSON at byte {e.BytePositionInLine + 1}."));
        }
        catch (ProblemException e)
        {
            // The answer has begun, so this cannot be a status any more.
            reader = new ItemReader(default, $"/{index}");
            reader.Errors.Add(new FieldError($"/{index}/organization_id", e.Message));
        }

        return (reader, document);
    }
}
