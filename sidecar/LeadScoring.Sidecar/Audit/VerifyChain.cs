using System.Security.Cryptography;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

/// <summary>What is wrong with a chain.</summary>
/// <param name="Sequence">At which row.</param>
/// <param name="Detail">What, in words.</param>
public sealed record AuditFault(long Sequence, string Detail);

/// <summary>What became of looking at every row of a chain.</summary>
/// <param name="IsWhole">Whether nothing is wrong.</param>
/// <param name="Rows">How many rows there are.</param>
/// <param name="First">Number of the oldest row; 0 when there is none.</param>
/// <param name="Last">Number of the newest row; 0 when there is none.</param>
/// <param name="Head">Hash of the newest row, to be written down elsewhere: a later chain that does not hold it is another one.</param>
/// <param name="Faults">The first 20.</param>
public sealed record AuditVerdict(bool IsWhole, long Rows, long First, long Last, string? Head, IReadOnlyList<AuditFault> Faults);

/// <summary>Looks at every row of a chain: that it is what was written, that none is missing or too many, and that the end is the end.</summary>
internal sealed class VerifyChain(AuditReader reader, SecretBox box)
{
    private const int MostFaults = 20;

    /// <param name="organizationId">Whose chain.</param>
    /// <param name="known">A row whose hash was written down before, as number and hash in hexadecimal; it must be there.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<AuditVerdict> RunAsync(string organizationId, (long Sequence, string Hash)? known, CancellationToken cancellationToken)
    {
        while (true)
        {
            var anchor = await reader.LastAnchorAsync(organizationId, cancellationToken);
            var verdict = await LookAsync(organizationId, anchor, known, cancellationToken);
            // Cut while it was read: what is missing was taken rightly.
            if (verdict.IsWhole || (await reader.LastAnchorAsync(organizationId, cancellationToken))?.Sequence == anchor?.Sequence) return verdict;
        }
    }

    private async Task<AuditVerdict> LookAsync(string organizationId, AuditMark? anchor, (long Sequence, string Hash)? known, CancellationToken cancellationToken)
    {
        var faults = new List<AuditFault>();
        void Fault(long sequence, string detail)
        {
            if (faults.Count < MostFaults) faults.Add(new AuditFault(sequence, detail));
        }

        // The head before the rows: what is appended meanwhile comes after it.
        var head = await reader.HeadAsync(organizationId, cancellationToken);
        if (anchor?.Fault(box, AuditLog.AnchorPlace, organizationId) is { } unsealed) Fault(anchor.Sequence, $"the mark where the chain was cut is not one of ours: {unsealed}");
        var (sequence, hash) = (anchor?.Sequence ?? 0, anchor?.Hash ?? AuditEntry.Start);
        var (rows, first, atHead, isKnown) = (0L, 0L, head?.Sequence == sequence && head.Hash.AsSpan().SequenceEqual(hash), known is null);
        await foreach (var row in reader.ReadAsync(organizationId, new AuditFilter(), cancellationToken))
        {
            rows++;
            if (first == 0) first = row.Sequence;
            if (row.Sequence <= sequence && rows == 1) Fault(row.Sequence, "it is older than the mark where the chain was cut");
            else if (row.Sequence != sequence + 1) Fault(row.Sequence, row.Sequence == sequence + 2 ? $"row {sequence + 1} is missing before it" : $"rows {sequence + 1} to {row.Sequence - 1} are missing before it");
            if (!CryptographicOperations.FixedTimeEquals(row.PreviousHash, hash)) Fault(row.Sequence, "it does not follow the row before it");
            if (!CryptographicOperations.FixedTimeEquals(row.Hash, row.Digest(organizationId))) Fault(row.Sequence, "its content is not what was written");
            if (row.Kind == AuditKind.SealBroken) Fault(row.Sequence, "when it was written, the newest row was not sealed with this service's key: another key file was in use, or the database was changed from outside");
            (sequence, hash) = (row.Sequence, row.Hash);
            if (head?.Sequence == sequence) atHead = head.Hash.AsSpan().SequenceEqual(hash);
            if (known is { } k && k.Sequence == sequence) isKnown = string.Equals(k.Hash, Convert.ToHexStringLower(hash), StringComparison.OrdinalIgnoreCase);
        }

        if (head is null && (rows > 0 || anchor is not null)) Fault(sequence, "the seal of the newest row is missing");
        if (head?.Fault(box, AuditLog.HeadPlace, organizationId) is { } broken) Fault(head.Sequence, $"the newest row is not sealed with this service's key: {broken}");
        else if (head is not null && !atHead) Fault(head.Sequence, "the newest row that was written is not there");
        if (!isKnown) Fault(known!.Value.Sequence, "it is not the row whose hash was written down");
        return new AuditVerdict(faults.Count == 0, rows, first, sequence, rows == 0 ? null : Convert.ToHexStringLower(hash), faults);
    }
}
