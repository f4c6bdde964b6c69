using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

/// <summary>A row of the chain.</summary>
internal sealed record AuditEntry
{
    internal const string Columns = "sequence as Sequence, at_ms as AtMs, kind as Kind, actor as Actor, subject as Subject, detail as Detail, previous_hash as PreviousHash, hash as Hash";

    /// <summary>What the first row of a chain has for the hash of the one before.</summary>
    internal static readonly byte[] Start = new byte[SHA256.HashSizeInBytes];

    public long Sequence { get; init; }
    public long AtMs { get; init; }
    public string Kind { get; init; } = "";
    public string Actor { get; init; } = "";
    public string? Subject { get; init; }
    public string Detail { get; init; } = "{}";
    public byte[] PreviousHash { get; init; } = [];
    public byte[] Hash { get; init; } = [];

    /// <summary>Joined to Subject when the lead is still known.</summary>
    public string? LeadId { get; init; }

    /// <summary>
    /// SHA-256 over the members in this order, each as its length in bytes of UTF-8, a colon and the member: nothing of one can pass for a part of the next. A subject that is missing is a lone hyphen.
    /// </summary>
    internal byte[] Digest(string organizationId)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string[] members =
        [
            "audit 1", organizationId, Sequence.ToString(CultureInfo.InvariantCulture), AtMs.ToString(CultureInfo.InvariantCulture), Kind, Actor, Subject ?? "-", Detail, Convert.ToHexStringLower(PreviousHash),
        ];
        foreach (var member in members)
        {
            var bytes = Encoding.UTF8.GetBytes(member);
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{bytes.Length}:")));
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }
}

/// <summary>A row of a chain that is vouched for: its newest one, or the last that was cut off.</summary>
internal sealed record AuditMark
{
    internal const string Columns = "sequence as Sequence, hash as Hash, seal as Seal";

    public long Sequence { get; init; }
    public byte[] Hash { get; init; } = [];
    public byte[] Seal { get; init; } = [];

    internal static AuditMark Sealed(SecretBox box, string place, string organizationId, long sequence, byte[] hash) =>
        new() { Sequence = sequence, Hash = hash, Seal = box.Seal(Content(sequence, hash), $"{place}/{organizationId}") };

    /// <summary>Why it does not vouch for anything; null when it does.</summary>
    internal string? Fault(SecretBox box, string place, string organizationId)
    {
        try
        {
            return box.Open(Seal, $"{place}/{organizationId}").AsSpan().SequenceEqual(Content(Sequence, Hash)) ? null : "its seal is of another row";
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }

    private static byte[] Content(long sequence, byte[] hash)
    {
        var content = new byte[sizeof(long) + hash.Length];
        BinaryPrimitives.WriteInt64BigEndian(content, sequence);
        hash.CopyTo(content, sizeof(long));
        return content;
    }
}
