using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using LeadScoring.Connectors.Tests.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Connectors.Tests.Simulators;

/// <summary>A request that the simulator got.</summary>
internal sealed record SeenRequest(string Method, string Path, string Query, string Body, string? Authorization);

/// <summary>
/// A vendor in this process: a real server on 127.0.0.1 that keeps state. Faults are queued and happen to the next requests that they match. Every request is held against the vendor's official
/// contract where that is at hand; one that breaks it fails the test when the simulator is disposed.
/// </summary>
internal abstract class VendorSimulator : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly VendorContract? contract;
    private readonly ConcurrentQueue<SeenRequest> seen = new();
    private readonly ConcurrentQueue<string> violations = new();
    private readonly List<Fault> faults = [];
    private readonly ConcurrentQueue<(long At, string Path)> arrivals = new();
    private (Random Random, double Busy, double Broken)? disturbance;

    private sealed record Fault(Func<HttpRequest, bool> Matches, Func<HttpContext, Func<Task>, Task> Happen)
    {
        public int Left { get; set; }
    }

    /// <param name="vendor">Whose contract requests are held against; null: there is none, as for an API that somebody describes himself.</param>
    protected VendorSimulator(string? vendor)
    {
        contract = vendor is null ? null : VendorContract.Of(vendor);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0));
        app = builder.Build();
        app.Run(HandleAsync);
    }

    /// <summary>Address of the vendor's API.</summary>
    internal Uri Url => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>All requests so far, in the order they came.</summary>
    internal IReadOnlyList<SeenRequest> Seen => [.. seen];

    internal IReadOnlyList<string> Violations => [.. violations];

    /// <summary>How many requests came.</summary>
    internal int Requests => arrivals.Count;

    /// <summary>How many of them were disturbed; see <see cref="Disturb"/>.</summary>
    internal int Disturbed { get; private set; }

    protected Lock State { get; } = new();

    internal Task StartAsync() => app.StartAsync();

    /// <summary>The next requests that match get this status instead of an answer.</summary>
    internal void Fail(int times, int status, string path = "", string? body = null, params (string Name, string Value)[] headers) => On(times, path, (http, _) =>
    {
        http.Response.StatusCode = status;
        foreach (var (name, value) in headers) http.Response.Headers[name] = value;
        http.Response.ContentType = body?.StartsWith('{') == true ? "application/json" : "text/html";
        return http.Response.WriteAsync(body ?? "<html>no</html>");
    });

    /// <summary>The next requests that match get the right answer, cut off in the middle.</summary>
    internal void Truncate(int times, string path = "") => On(times, path, async (http, answer) =>
    {
        var whole = await CaptureAsync(http, answer);
        http.Response.ContentLength = whole.Length;
        await http.Response.Body.WriteAsync(whole.AsMemory(0, whole.Length / 2));
        await http.Response.Body.FlushAsync();
        http.Abort();
    });

    /// <summary>The next requests that match get the first half of the right answer, and then nothing until the client gives up.</summary>
    internal void Stall(int times, string path = "") => On(times, path, async (http, answer) =>
    {
        var whole = await CaptureAsync(http, answer);
        http.Response.ContentLength = whole.Length;
        await http.Response.Body.WriteAsync(whole.AsMemory(0, whole.Length / 2));
        await http.Response.Body.FlushAsync();
        await Task.Delay(TimeSpan.FromMinutes(1), http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    });

    /// <summary>Something else that happens to the next requests that match; the second argument gives the right answer.</summary>
    internal void On(int times, string path, Func<HttpContext, Func<Task>, Task> happen)
    {
        lock (faults) faults.Add(new Fault(r => r.Path.Value!.Contains(path, StringComparison.Ordinal), happen) { Left = times });
    }

    /// <summary>
    /// From now on a share of all requests is refused with 429 and <c>Retry-After: 1</c>, and another gets a gateway's 502, every second time after what was asked was done: a gateway does not know.
    /// </summary>
    internal void Disturb(int seed, double busy, double broken)
    {
        lock (faults) disturbance = (new Random(seed), busy, broken);
    }

    /// <summary>The most requests that came within any stretch of time of this length, of a path or of all.</summary>
    internal int MostWithin(TimeSpan window, string path = "")
    {
        long[] at = [.. arrivals.Where(a => a.Path.Contains(path, StringComparison.Ordinal)).Select(a => a.At).Order()];
        var ticks = (long)(window.TotalSeconds * Stopwatch.Frequency);
        var most = 0;
        for (int first = 0, next = 0; next < at.Length; most = Math.Max(most, ++next - first)) while (at[next] - at[first] >= ticks) first++;
        return most;
    }

    /// <summary>Whether a violation is a fault of the contract and not of the request: say why where it is overridden.</summary>
    protected virtual bool IsContractsFault(string violation) => false;

    /// <summary>The vendor's right answer.</summary>
    protected abstract Task AnswerAsync(HttpContext http, string body);

    private async Task HandleAsync(HttpContext http)
    {
        arrivals.Enqueue((Stopwatch.GetTimestamp(), http.Request.Path.Value!));
        using var reader = new StreamReader(http.Request.Body);
        var body = await reader.ReadToEndAsync();
        seen.Enqueue(new SeenRequest(http.Request.Method, http.Request.Path.Value!, http.Request.QueryString.Value ?? "", body, http.Request.Headers.Authorization));
        foreach (var violation in (contract?.Check(http.Request, body) ?? []).Where(v => !IsContractsFault(v))) violations.Enqueue($"{http.Request.Method} {http.Request.Path}: {violation}");
        Fault? fault;
        lock (faults)
        {
            fault = faults.FirstOrDefault(f => f.Left > 0 && f.Matches(http.Request));
            if (fault is not null) fault.Left--;
        }

        if (fault is not null) await fault.Happen(http, () => AnswerAsync(http, body));
        else if (DisturbanceOfNext() is { } status) await DisturbAsync(http, body, status);
        else await AnswerAsync(http, body);
    }

    private (int Code, bool IsDone)? DisturbanceOfNext()
    {
        lock (faults)
        {
            if (disturbance is not { } d) return null;
            var draw = d.Random.NextDouble();
            if (draw >= d.Busy + d.Broken) return null;
            Disturbed++;
            return draw < d.Busy ? (429, false) : (502, d.Random.Next(2) == 0);
        }
    }

    private async Task DisturbAsync(HttpContext http, string body, (int Code, bool IsDone) status)
    {
        if (status.IsDone) await CaptureAsync(http, () => AnswerAsync(http, body));
        http.Response.StatusCode = status.Code;
        http.Response.ContentType = "text/html";
        if (status.Code == 429) http.Response.Headers.RetryAfter = 1.ToString(CultureInfo.InvariantCulture);
        await http.Response.WriteAsync("<html>no</html>");
    }

    private static async Task<byte[]> CaptureAsync(HttpContext http, Func<Task> answer)
    {
        var real = http.Response.Body;
        using var whole = new MemoryStream();
        http.Response.Body = whole;
        await answer();
        http.Response.Body = real;
        return whole.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        if (!violations.IsEmpty) throw new InvalidOperationException("Requests broke the vendor's contract: " + string.Join("; ", violations.Distinct().Take(10)));
    }
}
