using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Connectors.Http;

/// <summary>Checks of signatures; how long one takes does not tell how much of it was right.</summary>
internal static class WebhookHmac
{
    /// <summary>Whether a base64 signature is HMAC-SHA256 of the parts, one after the other.</summary>
    internal static bool IsBase64(string secret, string signature, params ReadOnlyMemory<byte>[] parts)
    {
        var presented = new byte[HMACSHA256.HashSizeInBytes];
        return Convert.TryFromBase64String(signature, presented, out var length) && length == presented.Length && CryptographicOperations.FixedTimeEquals(presented, Of(secret, parts));
    }

    /// <summary>Whether a hexadecimal signature, in either case, is HMAC-SHA256 of the parts.</summary>
    internal static bool IsHex(string secret, string signature, params ReadOnlyMemory<byte>[] parts)
    {
        if (signature.Length != 2 * HMACSHA256.HashSizeInBytes || !signature.All(char.IsAsciiHexDigit)) return false;
        return CryptographicOperations.FixedTimeEquals(Convert.FromHexString(signature), Of(secret, parts));
    }

    internal static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Of(string secret, ReadOnlyMemory<byte>[] parts)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        foreach (var part in parts) hmac.AppendData(part.Span);
        return hmac.GetHashAndReset();
    }
}
