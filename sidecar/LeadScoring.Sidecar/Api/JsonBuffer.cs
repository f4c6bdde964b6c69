using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LeadScoring.Sidecar.Api;

/// <summary>An answer under way: written into pooled memory, so that its length is known before the first byte is sent. Dispose it.</summary>
internal sealed class JsonBuffer : IBufferWriter<byte>, IDisposable
{
    // As in ApiServices.Configure.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private const int FirstBytes = 4_096;

    [ThreadStatic]
    private static JsonBuffer? spare;

    private byte[] bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);
    private int length;

    private JsonBuffer() => Json = new Utf8JsonWriter(this, Options);

    internal Utf8JsonWriter Json { get; }

    /// <summary>What was written so far.</summary>
    internal ReadOnlySpan<byte> Written
    {
        get
        {
            Json.Flush();
            return bytes.AsSpan(0, length);
        }
    }

    internal static JsonBuffer Rent()
    {
        var buffer = spare ?? new JsonBuffer();
        spare = null;
        return buffer;
    }

    /// <summary>Sends what was written, with its length.</summary>
    internal async ValueTask SendAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        Json.Flush();
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = length;
        await response.BodyWriter.WriteAsync(bytes.AsMemory(0, length), cancellationToken);
    }

    /// <summary>Sends what was written as one line of a stream, and begins anew.</summary>
    internal void WriteLine(HttpResponse response)
    {
        Json.Flush();
        var span = response.BodyWriter.GetSpan(length + 1);
        bytes.AsSpan(0, length).CopyTo(span);
        span[length] = (byte)'\n';
        response.BodyWriter.Advance(length + 1);
        Reset();
    }

    public void Advance(int count) => length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(sizeHint);
        return bytes.AsMemory(length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(sizeHint);
        return bytes.AsSpan(length);
    }

    public void Dispose()
    {
        if (bytes.Length > FirstBytes * 16)
        {
            // What one large answer needed is not kept by every thread.
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);
        }

        Reset();
        spare = this;
    }

    private void Reset()
    {
        length = 0;
        Json.Reset(this);
    }

    private void Grow(int sizeHint)
    {
        if (bytes.Length - length >= Math.Max(sizeHint, 1)) return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes.Length * 2, length + sizeHint));
        bytes.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(bytes);
        bytes = larger;
    }
}
