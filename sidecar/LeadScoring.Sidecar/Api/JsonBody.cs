using System.Buffers;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Sidecar.Api;

/// <summary>The JSON of a request, read where the server has put it: nothing is copied while it is in one piece. Good until it is disposed.</summary>
/// <remarks>Model binding reads the same bytes into a document of its own; for a score that copy costs as much as the score.</remarks>
internal sealed class JsonBody : IDisposable
{
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    private readonly JsonDocument document;
    private readonly PipeReader reader;
    private readonly SequencePosition end;

    private JsonBody(JsonDocument document, PipeReader reader, SequencePosition end) => (this.document, this.reader, this.end) = (document, reader, end);

    internal JsonElement Root => document.RootElement;

    /// <exception cref="ProblemException">No JSON by its content type, or no body.</exception>
    /// <exception cref="JsonException">Broken JSON.</exception>
    internal static async ValueTask<JsonBody> ReadAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var request = http.Request;
        if (!request.HasJsonContentType()) throw new ProblemException(ProblemKind.UnsupportedMediaType, "Send the header Content-Type: application/json.");
        if (http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false) throw Empty();
        var reader = OtherEncoding(request.ContentType!) is { } encoding ? PipeReader.Create(Encoding.CreateTranscodingStream(request.Body, encoding, Encoding.UTF8)) : request.BodyReader;
        try
        {
            var read = await reader.ReadAsync(cancellationToken);
            while (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                read = await reader.ReadAsync(cancellationToken);
            }

            return new JsonBody(Parse(read.Buffer, reader), reader, read.Buffer.End);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            // The caller hung up in the middle: nobody reads the answer.
            throw new OperationCanceledException("The body broke off.", e, http.RequestAborted);
        }
    }

    private static JsonDocument Parse(ReadOnlySequence<byte> body, PipeReader reader)
    {
        try
        {
            return JsonDocument.Parse(WithoutMark(body));
        }
        catch
        {
            // A server that finds its reader in the middle of something gives the connection up, and with it the requests behind this one.
            reader.AdvanceTo(body.End);
            throw;
        }
    }

    internal static ProblemException Empty() => ProblemException.Invalid("", "The body is empty. Send JSON.");

    internal static ProblemException UnknownCharset() => new(ProblemKind.UnsupportedMediaType, "The charset of Content-Type is unknown. Send UTF-8.");

    /// <summary>Whether a body of that content type can be turned into text.</summary>
    internal static bool IsKnownCharset(string? contentType)
    {
        try
        {
            return contentType is null || OtherEncoding(contentType) is not { } encoding || encoding.GetMaxCharCount(1) > 0;
        }
        catch (ProblemException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        document.Dispose();
        reader.AdvanceTo(end);
    }

    private static ReadOnlySequence<byte> WithoutMark(ReadOnlySequence<byte> bytes)
    {
        if (bytes.Length < ByteOrderMark.Length) return bytes;
        Span<byte> first = stackalloc byte[ByteOrderMark.Length];
        bytes.Slice(0, ByteOrderMark.Length).CopyTo(first);
        return first.SequenceEqual(ByteOrderMark) ? bytes.Slice(ByteOrderMark.Length) : bytes;
    }

    /// <summary>The encoding that the content type names; null for UTF-8, which JSON is unless somebody says otherwise.</summary>
    private static Encoding? OtherEncoding(string contentType)
    {
        if (!contentType.Contains("charset", StringComparison.OrdinalIgnoreCase) || !MediaTypeHeaderValue.TryParse(contentType, out var media) || media.CharSet is not { } name) return null;
        try
        {
            var encoding = Encoding.GetEncoding(name.Trim('"'));
            return encoding.CodePage == Encoding.UTF8.CodePage ? null : encoding;
        }
        catch (ArgumentException)
        {
            throw UnknownCharset();
        }
    }
}
