using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Scoring;

internal static class PostScoreBatch
{
    /// <summary>Up to 1,000 requests; a bare array is taken too.</summary>
    public sealed record Request(IReadOnlyList<ScoreRequest> Items);

    /// <param name="Index">Position in the request; in a stream, the number of the line from 0.</param>
    /// <param name="Result">The score; absent when there are errors.</param>
    /// <param name="Errors">What is wrong with the item, and where.</param>
    public sealed record Item(int Index, string? LeadId, ScoreAnswer? Result = null, IReadOnlyList<FieldError>? Errors = null);

    public sealed record Response(int Scored, int Rejected, IReadOnlyList<Item> Results);

    internal static async Task HandleAsync(HttpContext http, Caller caller, ScoreLeads score, TimeProvider time, CancellationToken cancellationToken)
    {
        using var body = await JsonBody.ReadAsync(http, cancellationToken);
        var list = ItemList.Read(body.Root, "items", caller, allowSingle: false);
        var results = await ScoreAsync(list.Items, 0, caller, score, time, cancellationToken);
        var scored = results.Count(r => r.Result is not null);
        using var buffer = JsonBuffer.Rent();
        var json = buffer.Json;
        json.WriteStartObject();
        json.WriteNumber("scored"u8, scored);
        json.WriteNumber("rejected"u8, results.Count - scored);
        json.WriteStartArray("results"u8);
        foreach (var result in results) AnswerJson.Write(json, result);
        json.WriteEndArray();
        json.WriteEndObject();
        await buffer.SendAsync(http.Response, cancellationToken);
    }

    /// <summary>One result an item, in order; a bad item never costs the good ones.</summary>
    internal static async Task<IReadOnlyList<Item>> ScoreAsync(
        IReadOnlyList<ItemReader> readers, int firstIndex, Caller caller, ScoreLeads score, TimeProvider time, CancellationToken cancellationToken)
    {
        var nowMs = time.NowMs();
        var items = readers.Select(r => ScoreItem.Read(r, caller, nowMs)).ToArray();
        var outcomes = await score.RunAsync(caller.OrganizationId, [.. items.OfType<ScoreItem>()], cancellationToken);
        var results = new List<Item>(readers.Count);
        var next = 0;
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i] is not { } item) results.Add(new Item(firstIndex + i, null, Errors: readers[i].Errors));
            else if (outcomes[next++] is var outcome && outcome.Answer is { } answer) results.Add(new Item(firstIndex + i, item.LeadId, answer));
            else results.Add(new Item(firstIndex + i, item.LeadId, Errors: [Refusal(outcome, readers[i].Pointer)]));
        }

        return results;
    }

    private static FieldError Refusal(ScoreOutcome outcome, string pointer) => outcome.IsErased
        ? new FieldError(JsonPointer.Append(pointer, "lead_id"), Tombstones.Refusal)
        : outcome.IsRefused ? new FieldError(JsonPointer.Append(pointer, "lead_id"), ScoreOutcome.Refused().Message)
        : outcome.HasTooManyAttributes
        ? new FieldError(JsonPointer.Append(pointer, "lead"), LeadBatch.TooMany)
        : new FieldError(JsonPointer.Append(pointer, "lead_id"), PostScore.Unknown().Message);
}
