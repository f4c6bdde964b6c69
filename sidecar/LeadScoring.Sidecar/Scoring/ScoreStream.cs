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
        var chunk = new List<ItemReader>(ChunkLines);
        var numbers = new List<int>(ChunkLines);
        var lines = new LineReader(reader, MaxLineChars);
        for (var number = 0; ; number++)
        {
            var line = await lines.ReadAsync(cancellationToken);
            if (line is { IsEmpty: false })
            {
                chunk.Add(ItemLine.Parse(line, number, caller, MaxLineChars));
                numbers.Add(number);
            }

            if (chunk.Count < ChunkLines && line is not null) continue;
            var items = await PostScoreBatch.ScoreAsync(chunk, 0, caller, score, time, cancellationToken);
            Write(http.Response, items, numbers);
            await http.Response.BodyWriter.FlushAsync(cancellationToken);
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
}
