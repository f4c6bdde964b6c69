using System.Runtime.InteropServices;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Models;

/// <summary>Which leads a version learned from, 8 bytes a lead: enough to know, and too little to tell who they are.</summary>
internal static class LearnedLeads
{
    internal static byte[] Of(IEnumerable<string> leadIds) => MemoryMarshal.AsBytes<long>([.. leadIds.Select(StableHash.Of).Order()]).ToArray();

    internal static long[] Read(byte[] bytes) => MemoryMarshal.Cast<byte, long>(bytes).ToArray();

    /// <summary>The list without some leads; null when it has none of them.</summary>
    internal static byte[]? Without(byte[] bytes, IReadOnlyList<string> leadIds)
    {
        var (learned, gone) = (Read(bytes), leadIds.Select(StableHash.Of).ToHashSet());
        long[] left = [.. learned.Where(l => !gone.Contains(l))];
        return left.Length == learned.Length ? null : MemoryMarshal.AsBytes<long>(left).ToArray();
    }

    internal static bool Contains(long[] learned, string leadId) => Array.BinarySearch(learned, StableHash.Of(leadId)) >= 0;
}
