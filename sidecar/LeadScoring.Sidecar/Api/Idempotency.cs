using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Api;

/// <summary>Endpoint metadata: doing it twice is not the same as doing it once, so a retry under the same Idempotency-Key must never do it again.</summary>
/// <param name="AnswerIsSecret">The answer shows something once; it is sealed where it is kept.</param>
internal sealed record WriteOnce(bool AnswerIsSecret = false);

/// <summary>
/// The header Idempotency-Key: the same request under the same key is done once and answered alike for 24 hours. What is kept are successes: a request that was refused or failed has stored nothing,
/// and its key is free again. Without the header this costs a look into the headers.
/// </summary>
internal sealed class Idempotency(RequestDelegate next, IdempotencyStore store, SecretBox box, TimeProvider time, ILogger<Idempotency> logger)
{
    internal const string Header = "Idempotency-Key";
    internal const string ReplayedHeader = "Idempotency-Replayed";
    internal const int MaxKeyLength = 255;

    /// <summary>Longest answer that is kept.</summary>
    internal const int MaxReplyBytes = 1_000_000;

    private static readonly string[] KeptHeaders = ["Content-Type", "Location", "Content-Disposition"];

    public Task InvokeAsync(HttpContext http) =>
        http.Request.Headers.ContainsKey(Header) && IsWrite(http.Request.Method) && http.Features.Get<Caller>() is { } caller ? RunAsync(http, caller) : next(http);

    internal static bool IsWrite(string method) => HttpMethods.IsPost(method) || HttpMethods.IsPut(method) || HttpMethods.IsDelete(method) || HttpMethods.IsPatch(method);

    private async Task RunAsync(HttpContext http, Caller caller)
    {
        var (method, path) = (http.Request.Method, http.Request.Path.Value + http.Request.QueryString.Value);
        var claim = new IdempotencyClaim(caller.OrganizationId, ReadKey(http.Request), Guid.NewGuid().ToString("N"));
        var before = await store.ClaimAsync(claim, method, path, http.RequestAborted);
        if (before is null) await RunOnceAsync(http, claim);
        else await AnswerAsync(http, claim, before, before.Method == method && before.Path == IdempotencyStore.PathHash(claim.Key, path));
    }

    private static string ReadKey(HttpRequest request)
    {
        if (request.ContentType?.StartsWith("application/x-ndjson", StringComparison.OrdinalIgnoreCase) == true)
            throw ProblemException.Invalid("", $"A stream takes no {Header}: its answer is sent while it is made and cannot be kept. Leave the header out; leads are known by lead_id and events by event_id, so a stream that is sent again changes nothing.");
        var values = request.Headers[Header];
        if (values.Count == 1 && values[0] is { Length: > 0 and <= MaxKeyLength } key && key.All(c => c is > ' ' and <= '~')) return key;
        throw ProblemException.Invalid("", $"{Header} is 1 to {MaxKeyLength} visible ASCII characters, such as a UUID.");
    }

    private async Task RunOnceAsync(HttpContext http, IdempotencyClaim claim)
    {
        var (request, response) = (http.Request.Body, http.Response.Body);
        using var body = new HashingStream(request);
        using var reply = new ReplyStream(response, MaxReplyBytes);
        // Whoever hangs up does not know whether it was done, and will ask again: it is brought to its end.
        http.RequestAborted = CancellationToken.None;
        (http.Request.Body, http.Response.Body) = (body, reply);
        var once = http.GetEndpoint()?.Metadata.GetMetadata<WriteOnce>();
        var isKept = false;
        using var ended = new CancellationTokenSource();
        var beating = BeatAsync(claim, ended.Token);
        try
        {
            if (once is not null) WriteMark.Set(transaction => IdempotencyStore.MarkAsync(transaction, claim, CancellationToken.None));
            await next(http);
            WriteMark.Set(null);
            await http.Response.BodyWriter.FlushAsync(CancellationToken.None);
            if (http.Response.StatusCode is >= 200 and < 400)
            {
                await body.CopyToAsync(Stream.Null, CancellationToken.None);
                isKept = await KeepAsync(http, claim, body.Hash(), reply, once?.AnswerIsSecret == true);
            }
        }
        finally
        {
            WriteMark.Set(null);
            await ended.CancelAsync();
            await beating;
            (http.Request.Body, http.Response.Body) = (request, response);
            if (!isKept) await TryAsync(() => store.ReleaseAsync(claim, CancellationToken.None));
        }

        await reply.SendAsync(CancellationToken.None);
    }

    private async Task<bool> KeepAsync(HttpContext http, IdempotencyClaim claim, byte[] hash, ReplyStream reply, bool isSecret)
    {
        var headers = KeptHeaders.Where(h => http.Response.Headers.ContainsKey(h)).ToDictionary(h => h, h => http.Response.Headers[h].ToString());
        var bytes = reply.Kept;
        var kept = new IdempotentRequest
        {
            BodySha256 = hash, Status = http.Response.StatusCode, Headers = JsonSerializer.Serialize(headers), IsSealed = isSecret && bytes is not null,
            Reply = isSecret && bytes is not null ? box.Seal(bytes, Place(claim)) : bytes,
        };
        // The write is done, whatever becomes of its answer here: the caller gets it either way, and the key is not given back.
        await TryAsync(() => store.FinishAsync(claim, kept, CancellationToken.None));
        return true;
    }

    private async Task AnswerAsync(HttpContext http, IdempotencyClaim claim, IdempotentRequest before, bool isSamePath)
    {
        if (!isSamePath)
            throw new ProblemException(ProblemKind.IdempotencyReused, $"This {Header} came with another request before, a {before.Method}. Take a new key for another request.");
        if (before.State == IdempotencyStore.Running)
        {
            http.Response.Headers.RetryAfter = "1";
            await ProblemWriter.WriteAsync(http, new ProblemException(ProblemKind.IdempotencyRunning, "The first request with this Idempotency-Key is still running. Send it again in a second, with the same key."));
            return;
        }

        if (before.State == IdempotencyStore.Written)
            throw new ProblemException(ProblemKind.IdempotencyAnswerLost, "The request with this Idempotency-Key was done, but its answer was lost. It is not done again: look with GET what is there, and take a new key for another one.");
        using var body = new HashingStream(http.Request.Body);
        await body.CopyToAsync(Stream.Null, http.RequestAborted);
        if (!body.Hash().AsSpan().SequenceEqual(before.BodySha256))
            throw new ProblemException(ProblemKind.IdempotencyReused, $"This {Header} came with another body before. Take a new key for another request.");
        if (before.Reply is not { } reply)
            throw new ProblemException(ProblemKind.IdempotencyAnswerLost, $"The request with this Idempotency-Key was done and answered with {before.Status}; the answer was longer than the {MaxReplyBytes:N0} bytes that are kept.");
        await ReplayAsync(http, before, before.IsSealed ? box.Open(reply, Place(claim)) : reply);
    }

    private static async Task ReplayAsync(HttpContext http, IdempotentRequest before, byte[] reply)
    {
        http.Response.StatusCode = before.Status!.Value;
        foreach (var (name, value) in JsonSerializer.Deserialize<Dictionary<string, string>>(before.Headers!)!) http.Response.Headers[name] = value;
        http.Response.Headers[ReplayedHeader] = "true";
        if (reply.Length == 0) return;
        http.Response.ContentLength = reply.Length;
        await http.Response.Body.WriteAsync(reply, http.RequestAborted);
    }

    /// <summary>Signs of life of a request that takes long.</summary>
    private async Task BeatAsync(IdempotencyClaim claim, CancellationToken ended)
    {
        while (true)
        {
            await Task.Delay(IdempotencyStore.Lease / 3, time, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ended.IsCancellationRequested) return;
            await TryAsync(() => store.ExtendAsync(claim, CancellationToken.None));
        }
    }

    private async Task TryAsync(Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (DbException e)
        {
            // The lease runs out by itself; for the caller the request itself counts.
            ApiLog.Idempotency(logger, e.GetType().Name);
        }
    }

    private static string Place(IdempotencyClaim claim) => $"idempotency/{claim.OrganizationId}/{claim.Key}";
}
