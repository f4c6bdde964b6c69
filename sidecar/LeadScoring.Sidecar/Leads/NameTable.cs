using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Names of attributes that came before: the next lead brings the same ones, and a string made and checked anew for each costs as much as reading its value.</summary>
/// <remarks>A fixed number of places, so that made-up names cannot fill the memory; two names that share one take turns.</remarks>
internal static class NameTable
{
    private const int Places = 1_024;

    private static readonly Name?[] Names = new Name?[Places];

    private sealed record Name(byte[] Raw, string Text);

    /// <summary>The name of the member; null when it has not been remembered.</summary>
    internal static string? Find(JsonProperty member)
    {
        var raw = JsonMarshal.GetRawUtf8PropertyName(member);
        return Volatile.Read(ref Names[Place(raw)]) is { } name && raw.SequenceEqual(name.Raw) ? name.Text : null;
    }

    internal static void Remember(JsonProperty member, string name)
    {
        var raw = JsonMarshal.GetRawUtf8PropertyName(member);
        Volatile.Write(ref Names[Place(raw)], new Name(raw.ToArray(), name));
    }

    /// <summary>From length and both ends: names differ there.</summary>
    private static int Place(ReadOnlySpan<byte> raw)
    {
        Span<byte> ends = stackalloc byte[16];
        ends.Clear();
        raw[..Math.Min(8, raw.Length)].CopyTo(ends);
        raw[^Math.Min(8, raw.Length)..].CopyTo(ends[8..]);
        var mixed = ((BinaryPrimitives.ReadUInt64LittleEndian(ends) * 0x9E37_79B9_7F4A_7C15) ^ (BinaryPrimitives.ReadUInt64LittleEndian(ends[8..]) + (ulong)raw.Length)) * 0xC2B2_AE3D_27D4_EB4F;
        return (int)(mixed >> 54);
    }
}
