using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>NDJSON in, NDJSON out: one request a line, one result a line, in order, scored in chunks while the rest is still coming.</summary>
internal static class ScoreStream
{
    internal const string ContentType = "application/x-ndjson";

    private const int ChunkLines = 500;
    private const int MaxLineChars = 1_000_000;

    internal static async Task HandleAsync(HttpContext http, Caller caller, ScoreLeads score, TimeProvider time, IOptions<JsonOptions> json, CancellationToken cancellationToken)
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
            foreach (var item in await PostScoreBatch.ScoreAsync(chunk, 0, caller, score, time, cancellationToken))
            {
                await JsonSerializer.SerializeAsync(http.Response.Body, item with { Index = numbers[item.Index] }, json.Value.SerializerOptions, cancellationToken);
                await http.Response.Body.WriteAsync("\n"u8.ToArray(), cancellationToken);
            }

            await http.Response.Body.FlushAsync(cancellationToken);
            if (line is null) return;
            chunk.Clear();
            numbers.Clear();
        }
    }
}
