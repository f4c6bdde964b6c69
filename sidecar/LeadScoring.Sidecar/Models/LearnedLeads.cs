using System.Runtime.InteropServices;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Models;

/// <summary>Which leads a version learned from, 8 bytes a lead: enough to know, and too little to tell who they are.</summary>
internal static class LearnedLeads
{
    internal static byte[] Of(IEnumerable<string> leadIds) => MemoryMarshal.AsBytes<long>([.. leadIds.Select(StableHash.Of).Order()]).ToArray();

    internal static long[] Read(byte[] bytes) => MemoryMarshal.Cast<byte, long>(bytes).ToArray();

    internal static bool Contains(long[] learned, string leadId) => Array.BinarySearch(learned, StableHash.Of(leadId)) >= 0;
}
