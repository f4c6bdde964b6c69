using System.Text;

namespace LeadScoring.Ml.Features;

/// <summary>Binary form of <see cref="ActivityState"/>: version byte, then variable-length integers in sorted order.</summary>
internal static class ActivityStateCodec
{
    private const byte Version = 1;

    internal static byte[] Write(ActivityState state)
    {
        using var buffer = new MemoryStream(256);
        using (var writer = new BinaryWriter(buffer, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Version);
            writer.Write7BitEncodedInt(state.Events);
            writer.Write7BitEncodedInt(state.BotEvents);
            writer.Write7BitEncodedInt64(state.Pages);
            writer.Write7BitEncodedInt64(state.TimeOnSiteMs);
            writer.Write(state.FirstOwnMs);
            writer.Write(state.LastOwnMs);
            writer.Write7BitEncodedInt(state.types.Count);
            foreach (var (type, tally) in state.types)
            {
                writer.Write(type);
                writer.Write7BitEncodedInt(tally.Count);
                writer.Write(tally.FirstMs);
                writer.Write(tally.LastMs);
            }

            writer.Write7BitEncodedInt(state.visits.Count);
            foreach (var visit in state.visits) writer.Write(visit);
            writer.Write7BitEncodedInt(state.days.Count);
            foreach (var (day, count) in state.days)
            {
                writer.Write(day);
                writer.Write7BitEncodedInt(count);
            }

            writer.Write7BitEncodedInt(state.hoursOfWeek.Count(h => h != 0));
            for (var h = 0; h < state.hoursOfWeek.Length; h++)
            {
                if (state.hoursOfWeek[h] == 0) continue;
                writer.Write((byte)h);
                writer.Write7BitEncodedInt(state.hoursOfWeek[h]);
            }
        }

        return buffer.ToArray();
    }

    internal static ActivityState Read(ReadOnlySpan<byte> bytes)
    {
        var state = new ActivityState();
        if (bytes.IsEmpty) return state;
        if (bytes[0] != Version) throw new FormatException($"Activity state has version {bytes[0]}; this program reads version {Version}.");
        try
        {
            using var reader = new BinaryReader(new MemoryStream(bytes[1..].ToArray()), Encoding.UTF8);
            state.Events = reader.Read7BitEncodedInt();
            state.BotEvents = reader.Read7BitEncodedInt();
            state.Pages = reader.Read7BitEncodedInt64();
            state.TimeOnSiteMs = reader.Read7BitEncodedInt64();
            state.FirstOwnMs = reader.ReadInt64();
            state.LastOwnMs = reader.ReadInt64();
            for (var n = reader.Read7BitEncodedInt(); n > 0; n--)
                state.types[reader.ReadString()] = new ActivityState.TypeTally(reader.Read7BitEncodedInt(), reader.ReadInt64(), reader.ReadInt64());
            for (var n = reader.Read7BitEncodedInt(); n > 0; n--) state.visits.Add(reader.ReadInt64());
            for (var n = reader.Read7BitEncodedInt(); n > 0; n--) state.days[reader.ReadInt32()] = reader.Read7BitEncodedInt();
            for (var n = reader.Read7BitEncodedInt(); n > 0; n--) state.hoursOfWeek[reader.ReadByte() % 168] = reader.Read7BitEncodedInt();
        }
        catch (EndOfStreamException e)
        {
            throw new FormatException("Activity state ends too early.", e);
        }

        return state;
    }
}
