using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Sidecar.Tests.Webhooks;

internal static class DocumentedVerifier
{
    /// <summary>True when the webhook is ours and not older than five minutes. body: the bytes as they came in, before any parsing.</summary>
    internal static bool IsFromUs(string secret, string id, string timestamp, string signatures, byte[] body, long nowSeconds)
    {
        if (!long.TryParse(timestamp, out var sentAt) || Math.Abs(nowSeconds - sentAt) > 300) return false;
        var key = secret.StartsWith("whsec_") ? Convert.FromBase64String(secret["whsec_".Length..]) : Encoding.UTF8.GetBytes(secret);
        byte[] content = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        var expected = Encoding.ASCII.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, content)));
        return signatures.Split(' ').Any(s => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(s), expected));
    }
}
