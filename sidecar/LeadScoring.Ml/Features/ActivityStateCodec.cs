using System.Text;

namespace LeadScoring.Ml.Features;

/// <summary>
/// Binary form of <see cref="ActivityState"/>: version byte, then variable-length integers in sorted order. Version 2 adds the hours of responses, version 3
/// those (perhaps none), the ends of own activity without opens and clicks, and the moments of opens and clicks. A state is written in the lowest
/// version that holds it, so that there is one form of each.
/// </summary>
internal static class ActivityStateCodec
{
    private const byte Version = 1;
    private const byte WithResponses = 2;
    private const byte WithTouches = 3;

    internal static byte[] Write(ActivityState state)
    {
        using var buffer = new MemoryStream(256);
        using (var writer = new BinaryWriter(buffer, Encoding.UTF8, leaveOpen: true))
        {
            var version = state.touches.at.Count > 0 ? WithTouches : state.responseHours is null ? Version : WithResponses;
            writer.Write(version);
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

            WriteHours(writer, state.hoursOfWeek);
            if (version >= WithResponses) WriteHours(writer, state.responseHours ?? []);
            if (version == WithTouches) WriteTouches(writer, state);
        }

        return buffer.ToArray();
    }

    internal static ActivityState Read(ReadOnlySpan<byte> bytes)
    {
        var state = new ActivityState();
        if (bytes.IsEmpty) return state;
        if (bytes[0] is not (Version or WithResponses or WithTouches)) throw new FormatException($"Activity state has version {bytes[0]}; this program reads version {Version} to {WithTouches}.");
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
            ReadHours(reader, state.hoursOfWeek);
            (state.firstOtherMs, state.lastOtherMs) = (state.FirstOwnMs, state.LastOwnMs);
            if (bytes[0] >= WithResponses) ReadResponses(reader, state);
            if (bytes[0] == WithTouches) ReadTouches(reader, state);
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

    private static void ReadResponses(BinaryReader reader, ActivityState state)
    {
        var hours = new int[168];
        ReadHours(reader, hours);
        if (Array.Exists(hours, h => h != 0)) state.responseHours = hours;
    }

    private static void WriteTouches(BinaryWriter writer, ActivityState state)
    {
        writer.Write(state.firstOtherMs);
        writer.Write(state.lastOtherMs);
        writer.Write7BitEncodedInt(state.touches.at.Count);
        var before = 0L;
        foreach (var (ms, touch) in state.touches.at)
        {
            // Distances are short where moments are long.
            writer.Write7BitEncodedInt64(ms - before);
            writer.Write7BitEncodedInt(touch.Opens);
            writer.Write7BitEncodedInt(touch.Clicks);
            before = ms;
        }
    }

    private static void ReadTouches(BinaryReader reader, ActivityState state)
    {
        (state.firstOtherMs, state.lastOtherMs) = (reader.ReadInt64(), reader.ReadInt64());
        var before = 0L;
        for (var n = Count(reader); n > 0; n--)
        {
            before += reader.Read7BitEncodedInt64();
            state.touches.Add(before, new EmailTouches.Touch(Count(reader), Count(reader)));
        }
    }

    private static void WriteHours(BinaryWriter writer, int[] hours)
    {
        writer.Write7BitEncodedInt(hours.Count(h => h != 0));
        for (var h = 0; h < hours.Length; h++)
        {
            if (hours[h] == 0) continue;
            writer.Write((byte)h);
            writer.Write7BitEncodedInt(hours[h]);
        }
    }

    private static void ReadHours(BinaryReader reader, int[] hours)
    {
        for (var n = Count(reader); n > 0; n--)
        {
            var hour = reader.ReadByte();
            if (hour >= hours.Length) throw new FormatException($"Activity state has an hour {hour} of the week.");
            hours[hour] = Count(reader);
        }
    }

    private static int Count(BinaryReader reader)
    {
        var count = reader.Read7BitEncodedInt();
        return count >= 0 ? count : throw new FormatException($"Activity state has a count of {count}.");
    }
}
