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
            var stream = new MemoryStream(bytes[1..].ToArray());
            using var reader = new BinaryReader(stream, Encoding.UTF8);
            state.Events = Count(reader);
            state.BotEvents = Count(reader);
            state.Pages = reader.Read7BitEncodedInt64();
            state.TimeOnSiteMs = reader.Read7BitEncodedInt64();
            state.FirstOwnMs = reader.ReadInt64();
            state.LastOwnMs = reader.ReadInt64();
            for (var n = Count(reader); n > 0; n--)
                state.types[reader.ReadString()] = new ActivityState.TypeTally(Count(reader), reader.ReadInt64(), reader.ReadInt64());
            for (var n = Count(reader); n > 0; n--) state.visits.Add(reader.ReadInt64());
            for (var n = Count(reader); n > 0; n--) state.days[reader.ReadInt32()] = Count(reader);
            for (var n = Count(reader); n > 0; n--)
            {
                var hour = reader.ReadByte();
                if (hour >= state.hoursOfWeek.Length) throw new FormatException($"Activity state has an hour {hour} of the week.");
                state.hoursOfWeek[hour] = Count(reader);
            }

            if (stream.Position != stream.Length) throw new FormatException($"Activity state has {stream.Length - stream.Position} bytes behind its end.");
        }
        catch (EndOfStreamException e)
        {
            throw new FormatException("Activity state ends too early.", e);
        }
        catch (IOException e)
        {
            // The reader's answer to a string of negative length.
            throw new FormatException("Activity state is broken: " + e.Message, e);
        }

        return state;
    }

    private static int Count(BinaryReader reader)
    {
        var count = reader.Read7BitEncodedInt();
        return count >= 0 ? count : throw new FormatException($"Activity state has a count of {count}.");
    }
}
