using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>The secret of the form <c>lsk_&lt;key id&gt;_&lt;secret&gt;</c>: 256 random bits, of which only the SHA-256 is stored.</summary>
/// <remarks>A plain hash is enough here: stretching protects guessable passwords, and 256 random bits cannot be guessed.</remarks>
internal readonly record struct ApiKey(string KeyId, string Secret)
{
    internal const int MaxLength = 100;

    private const string Prefix = "lsk_";
    private const int KeyIdLength = 12;

    internal static ApiKey Create() =>
        new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyIdLength / 2)), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));

    internal static bool TryParse(string presented, out ApiKey key)
    {
        key = default;
        var secretAt = Prefix.Length + KeyIdLength + 1;
        if (presented.Length is < 30 or > MaxLength || !presented.StartsWith(Prefix, StringComparison.Ordinal) || presented[secretAt - 1] != '_') return false;
        key = new ApiKey(presented.Substring(Prefix.Length, KeyIdLength), presented[secretAt..]);
        return true;
    }

    internal byte[] SecretHash() => SHA256.HashData(Encoding.UTF8.GetBytes(Secret));

    /// <summary>The whole key, to be shown once.</summary>
    internal string Reveal() => $"{Prefix}{KeyId}_{Secret}";

    /// <summary>Keys end up in logs through ToString; this one does not.</summary>
    public override string ToString() => $"{Prefix}{KeyId}_***";
}
