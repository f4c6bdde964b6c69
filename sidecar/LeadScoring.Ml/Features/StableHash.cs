using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Ml.Features;

/// <summary>Hashes that are the same on every machine and in every version, unlike <see cref="string.GetHashCode()"/>.</summary>
public static class StableHash
{
    /// <summary>First 64 bits of SHA-256 over the UTF-8 text.</summary>
    public static long Of(string text)
    {
        Span<byte> digest = stackalloc byte[32];
        var utf8 = Encoding.UTF8.GetByteCount(text) <= 512 ? stackalloc byte[Encoding.UTF8.GetByteCount(text)] : new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, utf8);
        SHA256.HashData(utf8, digest);
        return BitConverter.ToInt64(digest);
    }

    /// <summary>A number in [0, 1) that depends on the text and the seed alone.</summary>
    public static double Unit(string text, int seed) => (ulong)Of($"{seed}:{text}") / 18446744073709551616.0;
}
