using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>Signatures of webhooks as Standard Webhooks (standardwebhooks.com) has them, so that its libraries verify ours: HMAC-SHA256 over <c>id.timestamp.body</c>.</summary>
internal static class WebhookSignature
{
    internal const string IdHeader = "webhook-id";
    internal const string TimestampHeader = "webhook-timestamp";
    internal const string SignatureHeader = "webhook-signature";

    internal const string SecretPrefix = "whsec_";
    internal const int MinSecretBytes = 32;
    internal const int MaxSecretBytes = 256;

    private const string Version = "v1,";

    internal static string NewSecret() => SecretPrefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(MinSecretBytes));

    /// <summary>The key in a secret: what follows <c>whsec_</c> is base64; any other text is taken as it stands.</summary>
    /// <returns>False when it is shorter or longer than it may be, or no base64.</returns>
    internal static bool TryReadSecret(string secret, out byte[] key)
    {
        key = [];
        if (!secret.StartsWith(SecretPrefix, StringComparison.Ordinal)) key = Encoding.UTF8.GetBytes(secret);
        else
        {
            var buffer = new byte[secret.Length];
            if (Convert.TryFromBase64String(secret[SecretPrefix.Length..], buffer, out var length)) key = buffer[..length];
        }

        return key.Length is >= MinSecretBytes and <= MaxSecretBytes;
    }

    /// <summary>The header: a signature a key, blanks between them.</summary>
    /// <param name="keys">More than one while a secret is being changed.</param>
    /// <param name="id">Event id.</param>
    /// <param name="timestamp">Unix seconds of this try.</param>
    /// <param name="body">As it is sent, byte for byte.</param>
    internal static string Sign(IEnumerable<byte[]> keys, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        var content = Content(id, timestamp.ToString(CultureInfo.InvariantCulture), body);
        return string.Join(' ', keys.Select(key => Version + Convert.ToBase64String(HMACSHA256.HashData(key, content))));
    }

    /// <summary>What a receiver does; times do not tell how much of a signature was right.</summary>
    /// <param name="key">The receiver's key.</param>
    /// <param name="id">Header webhook-id.</param>
    /// <param name="timestamp">Header webhook-timestamp.</param>
    /// <param name="signatures">Header webhook-signature.</param>
    /// <param name="body">As received.</param>
    /// <param name="nowSeconds">Now, Unix seconds.</param>
    /// <param name="tolerance">How old or new the timestamp may be: what was recorded on the way cannot be sent again later.</param>
    internal static bool Verify(byte[] key, string id, string timestamp, string signatures, ReadOnlySpan<byte> body, long nowSeconds, TimeSpan tolerance)
    {
        if (!long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var sentAt) || Math.Abs(nowSeconds - sentAt) > tolerance.TotalSeconds) return false;
        var expected = HMACSHA256.HashData(key, Content(id, timestamp, body));
        var isRight = false;
        foreach (var part in signatures.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!part.StartsWith(Version, StringComparison.Ordinal)) continue;
            var presented = new byte[expected.Length];
            isRight |= Convert.TryFromBase64String(part[Version.Length..], presented, out var length) && length == expected.Length && CryptographicOperations.FixedTimeEquals(presented, expected);
        }

        return isRight;
    }

    private static byte[] Content(string id, string timestamp, ReadOnlySpan<byte> body) => [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
}
