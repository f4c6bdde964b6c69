using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace LeadScoring.Sidecar.Tests.Fuzzing;

/// <summary>Real files with something wrong in them.</summary>
internal static class FileMutation
{
    private const int MaxBytes = 2_000_000;
    private const string Manifest = "manifest.json";

    private static readonly string[] Tokens =
    [
        "NaN", "Infinity", "-Infinity", "null", "true", "-1", "0", "2147483647", "2147483648", "-2147483649", "9223372036854775808", "1e400", "-1e400", "1e-400", "3.4e38", "\"", "'", "{", "}", "[", "]", ",", ":", ";", "\t", "\n", "\r\n", "\r", "\0", "\\", "\\ud800", "\xff\xfe",
        "=1+1", "- ", "? ", "&a ", "*a", "!!binary ", "!!python/object:os.system ", "<<: *a", "|\n", ">\n", "#", "---\n", "...\n", "%YAML 9.9\n", "../../x", "\xef\xbb\xbf", "\x85", "\xe2\x80\xa8", "1,5", "1.000,00", "2026-02-30", "..\\..\\x", "lead_id", "<script>",
    ];

    /// <summary>Edits of bytes and lines: turned, cut, doubled, moved, replaced by something hostile.</summary>
    internal static byte[] Text(byte[] file, Random random)
    {
        var bytes = new List<byte>(file);
        for (var edits = random.Next(1, 6); edits > 0; edits--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, random.Next(10) == 0 ? 400 : 12), bytes.Count - at);
            switch (random.Next(9))
            {
                case 0: if (at < bytes.Count) bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 3: bytes.InsertRange(at, Encoding.Latin1.GetBytes(Tokens[random.Next(Tokens.Length)])); break;
                case 4: Replace(bytes, at, Encoding.Latin1.GetBytes(Tokens[random.Next(Tokens.Length)])); break;
                case 5: if (random.Next(4) == 0) bytes.RemoveRange(at, bytes.Count - at); break;
                case 6: if (random.Next(4) == 0) bytes.InsertRange(at, Enumerable.Repeat(random.Next(2) == 0 ? (byte)'[' : (byte)random.Next(256), random.Next(2, 20_000))); break;
                case 7: Number(bytes, at, random); break;
                default: if (bytes.Count < MaxBytes && random.Next(6) == 0) bytes.AddRange(bytes.GetRange(at, bytes.Count - at)); break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Model files: one number, name or list of the tree's JSON is another one; its syntax mostly stays whole.</summary>
    internal static byte[] Json(byte[] file, Random random)
    {
        if (random.Next(3) == 0) return Text(file, random);
        var root = JsonNode.Parse(file)!;
        for (var edits = random.Next(1, 4); edits > 0; edits--)
        {
            var (parent, key) = Somewhere(root, random);
            JsonNode? value = random.Next(14) switch
            {
                0 => null,
                1 => -1,
                2 => 0,
                3 => int.MaxValue,
                4 => 2_147_483_648L,
                5 => random.Next(-5, 200),
                6 => 1e300,
                7 => 3.3e38,
                8 => "NaN",
                9 => "x",
                10 => new JsonArray(),
                11 => new JsonObject(),
                12 => new JsonArray(Enumerable.Range(0, 20).Select(n => (JsonNode?)n).ToArray()),
                _ => random.NextDouble() * 100,
            };
            if (parent is JsonObject o)
            {
                if (random.Next(6) == 0) o.Remove((string)key);
                else o[(string)key] = value;
            }
            else if (parent is JsonArray a)
            {
                if (random.Next(6) == 0) a.RemoveAt((int)key);
                else if (random.Next(6) == 0) a.Insert((int)key, a[(int)key]?.DeepClone());
                else a[(int)key] = value;
            }
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    /// <summary>A bundle: its bytes, its directory, or one of its parts with the sums made right again, so that what is behind them is reached.</summary>
    internal static byte[] Bundle(byte[] zip, Random random)
    {
        switch (random.Next(10))
        {
            case 0: return Text(zip, random);
            case 1:
                // The directory at the end: names, lengths, offsets.
                var bytes = (byte[])zip.Clone();
                for (var n = random.Next(1, 8); n > 0; n--) bytes[Math.Max(0, bytes.Length - 1 - random.Next(1_500))] = (byte)random.Next(256);
                return bytes;
            case 2: return Pack(Entries(zip), [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Strange(random))]);
            case 3:
                var doubled = Entries(zip);
                var name = doubled[random.Next(doubled.Count)].Name;
                return Pack(doubled, [(name, Text(doubled.First(e => e.Name == name).Bytes, random))]);
            default:
                var entries = Entries(zip);
                var index = random.Next(entries.Count);
                var (part, content) = entries[index];
                entries[index] = (part, part.EndsWith(".json", StringComparison.Ordinal) ? Json(content, random) : Text(content, random));
                return random.Next(8) == 0 ? Pack(entries, []) : Sealed(entries);
        }
    }

    internal static List<(string Name, byte[] Bytes)> Entries(byte[] zip)
    {
        using var archive = new ZipArchive(new MemoryStream(zip), ZipArchiveMode.Read);
        return [.. archive.Entries.Select(e =>
        {
            using var from = e.Open();
            using var to = new MemoryStream();
            from.CopyTo(to);
            return (e.FullName, to.ToArray());
        })];
    }

    /// <summary>With checksums and the profile's hash as the parts are now.</summary>
    internal static byte[] Sealed(List<(string Name, byte[] Bytes)> entries)
    {
        var at = entries.FindIndex(e => e.Name == Manifest);
        if (at >= 0 && Parsed(entries[at].Bytes) is JsonObject manifest)
        {
            manifest["checksums"] = new JsonObject(entries.Where(e => e.Name != Manifest).DistinctBy(e => e.Name).Select(e => KeyValuePair.Create(e.Name, (JsonNode?)Convert.ToHexStringLower(SHA256.HashData(e.Bytes)))));
            var profile = entries.Find(e => e.Name == "profile.yml");
            if (profile.Bytes is { } yaml) manifest["profile_hash"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(yaml))));
            entries[at] = (Manifest, Encoding.UTF8.GetBytes(manifest.ToJsonString()));
        }

        return Pack(entries, []);
    }

    internal static byte[] Pack(List<(string Name, byte[] Bytes)> entries, (string Name, byte[] Bytes)[] more)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in entries.Concat(more))
            {
                using var to = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
                to.Write(bytes);
            }
        }

        return buffer.ToArray();
    }

    private static JsonNode? Parsed(byte[] json)
    {
        try
        {
            return JsonNode.Parse(json);
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    private static (string, byte[]) Strange(Random random) =>
        (((string[])["../../etc/cron.d/x", "/etc/passwd", "C:\\x", "..\\..\\x", "a/../../b", "manifest.json/", "sub/manifest.json", "\0", "con", new string('n', 5_000), "profile.yml "])[random.Next(11)], new byte[random.Next(3) == 0 ? 1_000_000 : 10]);

    private static void Replace(List<byte> bytes, int at, byte[] by)
    {
        for (var i = 0; i < by.Length && at + i < bytes.Count; i++) bytes[at + i] = by[i];
    }

    /// <summary>The number at or after a place becomes another one.</summary>
    private static void Number(List<byte> bytes, int at, Random random)
    {
        while (at < bytes.Count && !char.IsAsciiDigit((char)bytes[at])) at++;
        var end = at;
        while (end < bytes.Count && char.IsAsciiDigit((char)bytes[end])) end++;
        if (at == bytes.Count) return;
        bytes.RemoveRange(at, end - at);
        bytes.InsertRange(at, Encoding.ASCII.GetBytes(random.Next(20) == 0 ? new string('9', 5_000) : ((string[])["0", "-1", "1", "255", "65536", "2147483647", "2147483648", "4294967296", "1e400"])[random.Next(9)].ToString(CultureInfo.InvariantCulture)));
    }

    private static (JsonNode Parent, object Key) Somewhere(JsonNode root, Random random)
    {
        var node = root;
        (JsonNode, object) place = (root, root is JsonObject first ? first.FirstOrDefault().Key ?? "" : 0);
        for (var depth = 0; depth < 20; depth++)
        {
            if (node is JsonObject { Count: > 0 } o)
            {
                var (key, value) = o.ElementAt(random.Next(o.Count));
                place = (o, key);
                if (value is null || random.Next(8) == 0) return place;
                node = value;
            }
            else if (node is JsonArray { Count: > 0 } a)
            {
                var index = random.Next(a.Count);
                place = (a, index);
                if (a[index] is not { } item || random.Next(8) == 0) return place;
                node = item;
            }
            else
            {
                return place;
            }
        }

        return place;
    }
}
