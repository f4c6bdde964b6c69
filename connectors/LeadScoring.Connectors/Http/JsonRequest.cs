using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LeadScoring.Connectors.Http;

/// <summary>Requests with a path relative to the account's address, and bodies of JSON.</summary>
internal static class JsonRequest
{
    internal static HttpRequestMessage Get(string path) => new(HttpMethod.Get, new Uri(path, UriKind.Relative));

    internal static HttpRequestMessage Of<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type, string media = "application/json")
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, type));
        content.Headers.ContentType = new MediaTypeHeaderValue(media);
        return new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = content };
    }

    /// <summary>Several at once, for vendors that take one record a request; the answers in the order of the items.</summary>
    internal static async Task<TResult[]> EachAsync<T, TResult>(IReadOnlyList<T> items, int width, Func<T, CancellationToken, Task<TResult>> ask, CancellationToken cancellationToken)
    {
        var results = new TResult[items.Count];
        await Parallel.ForAsync(0, items.Count, new ParallelOptions { MaxDegreeOfParallelism = width, CancellationToken = cancellationToken }, async (i, token) => results[i] = await ask(items[i], token));
        return results;
    }
}
