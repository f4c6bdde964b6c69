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
        var index = 0;
        while (true)
        {
            var line = await ReadLineAsync(reader, cancellationToken);
            if (line is not null && line.Length > 0) chunk.Add(Parse(line, index + chunk.Count, caller));
            if (chunk.Count < ChunkLines && line is not null) continue;
            foreach (var item in await PostScoreBatch.ScoreAsync(chunk, index, caller, score, time, cancellationToken))
            {
                await JsonSerializer.SerializeAsync(http.Response.Body, item, json.Value.SerializerOptions, cancellationToken);
                await http.Response.Body.WriteAsync("\n"u8.ToArray(), cancellationToken);
            }

            await http.Response.Body.FlushAsync(cancellationToken);
            if (line is null) return;
            index += chunk.Count;
            chunk.Clear();
        }
    }

    /// <summary>A line without its end; null at the end of the body. A line beyond the bound is read past and answered as an error.</summary>
    private static async Task<string?> ReadLineAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        // The server bounds the body as a whole, so the longest line is bounded too.
        var line = await reader.ReadLineAsync(cancellationToken);
        return line is null ? null : line.Length > MaxLineChars ? line[..MaxLineChars] : line.Trim();
    }

    private static ItemReader Parse(string line, int index, Caller caller)
    {
        ItemReader reader;
        try
        {
            reader = new ItemReader(JsonElement.Parse(line), $"/{index}");
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

        return reader;
    }
}
