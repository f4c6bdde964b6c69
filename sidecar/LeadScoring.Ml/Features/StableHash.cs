using System.Globalization;
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

    /// <summary>A number in [0, 1), evenly spread over texts and independent between salts: the upper 53 of 64 bits of SHA-256 over "salt:text", so that it never rounds to 1. Every process and every repetition draws alike.</summary>
    /// <param name="text">Who is drawn, such as a lead id.</param>
    /// <param name="salt">What is drawn for; another salt is another draw.</param>
    public static double Unit(string text, string salt) => ((ulong)Of($"{salt}:{text}") >> 11) * (1.0 / (1UL << 53));

    /// <inheritdoc cref="Unit(string, string)" />
    /// <param name="text">Who is drawn.</param>
    /// <param name="seed">What is drawn for, as a number.</param>
    public static double Unit(string text, int seed) => Unit(text, seed.ToString(CultureInfo.InvariantCulture));
}
