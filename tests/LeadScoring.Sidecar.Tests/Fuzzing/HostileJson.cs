using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LeadScoring.Sidecar.Tests.Fuzzing;

/// <summary>JSON that is nearly right: a plausible value written with values, names and bytes in it that no reader expects.</summary>
internal static class HostileJson
{
    private const int ManyDigits = 100_000;
    private const int LongText = 70_000;
    private const int Deep = 5_000;

    /// <summary>Each is a value as it stands in the JSON, Latin-1: a byte is a character, so that broken UTF-8 can be said too.</summary>
    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-0", "-1", "1", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "1e400", "-1e400", "1e-400", "1e308", "-1e308", "1E+9999999999", "0.1e-999999999999", "0.30000000000000004", "1.5", "01", "1.", ".5", "+1", "-", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "undefined",
        "\"NaN\"", "\"Infinity\"", "\"1e400\"", "\"1,5\"", "\"\"", "\" \"", "\"\\u0000\"", "\"\\u0001\\u001f\\u007f\"", "\"a\\r\\nSet-Cookie: x=1\"", "\"\\ud800\"", "\"\\udc00x\"", "\"x\\ud83d\"", "\"\\u202Eevil\"", "\"\\ufeff\"", "\"\\uffff\"",
        "\"\xff\xfe\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\x01\"", "\"tab\there\"", "\"\\x41\"", "\"open", "'single'", "\"../../../etc/passwd\"", "\"a/b\"", "\"a\\\\b\"", "\"%00\"", "\"..\"", "\".\"",
        "\"=cmd|' /C calc'!A0\"", "\"@SUM(1)\"", "\"<script>alert(1)</script>\"", "\"'; drop table leads; --\"", "\"\\\" or 1=1\"", "\"${jndi:ldap://127.0.0.1/a}\"", "\"{{constructor}}\"", "\"javascript:alert(1)\"", "\"http://127.0.0.1:1/\"", "\"file:///etc/passwd\"",
        "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59.9999999Z\"", "\"9999-12-31T23:59:59-14:00\"", "\"2026-02-30\"", "\"2026-13-01T00:00:00Z\"", "\"1969-12-31\"", "\"2026-05-31T14:00:00+99:99\"", "253402300800000", "-62135596800001", "1e15",
        "[]", "{}", "[null]", "[[]]", "[{}]", "{\"\":null}", "{\"a\":{\"b\":{\"c\":1}}}", "{\"$type\":\"System.Diagnostics.Process\"}", "{\"__proto__\":{\"x\":1}}", "/*c*/1", "[1,]", "{\"a\":1,}", "[1 2]", "\\u0022", "\0",
    ];

    private static readonly string[] Names = ["", " ", "\\u0000", "__proto__", "organization_id", "lead_id", "a/b~c", "\\ud800", "\xff", "constructor", "é", "=x", "a\\nb", "toString", "$ref", "name\\\"quoted", "A", "ÿ"];

    /// <summary>The value as bytes, with so many faults in it on average; 0: as it is.</summary>
    internal static byte[] Write(JsonNode? value, Random random, double faults)
    {
        var text = new StringBuilder();
        var nodes = Count(value);
        Write(text, value, random, faults / Math.Max(1, nodes));
        var bytes = Encoding.Latin1.GetBytes(text.ToString());
        return faults > 0 && random.Next(6) == 0 ? Spoil(bytes, random) : bytes;
    }

    /// <summary>Faults of the whole: cut off, bits turned, a part twice, something behind it.</summary>
    internal static byte[] Spoil(byte[] bytes, Random random)
    {
        switch (random.Next(8))
        {
            case 0: return bytes[..random.Next(bytes.Length + 1)];
            case 1: return [.. bytes, .. "}"u8];
            case 2: return [0xEF, 0xBB, 0xBF, .. bytes];
            case 3: return [.. bytes, .. bytes];
            case 4: return [];
            case 5: return Encoding.Unicode.GetBytes(Encoding.Latin1.GetString(bytes));
            default:
                var copy = (byte[])bytes.Clone();
                for (var n = random.Next(1, 4); n > 0 && copy.Length > 0; n--) copy[random.Next(copy.Length)] = (byte)random.Next(256);
                return copy;
        }
    }

    private static int Count(JsonNode? value) => value switch
    {
        JsonObject o => 1 + o.Sum(p => Count(p.Value)),
        JsonArray a => 1 + a.Sum(Count),
        _ => 1,
    };

    private static void Write(StringBuilder text, JsonNode? value, Random random, double share)
    {
        if (random.NextDouble() < share)
        {
            text.Append(Hostile(random));
            return;
        }

        switch (value)
        {
            case JsonObject o:
                text.Append('{');
                var first = true;
                foreach (var (name, member) in o)
                {
                    // A name that is missing, another one, or there twice.
                    var kind = random.NextDouble() < share ? random.Next(3) : 3;
                    if (kind == 0) continue;
                    for (var times = kind == 2 ? 2 : 1; times > 0; times--)
                    {
                        if (!first) text.Append(',');
                        first = false;
                        text.Append('"').Append(kind == 1 ? Names[random.Next(Names.Length)] : Escaped(name)).Append("\":");
                        Write(text, member, random, share);
                    }
                }

                text.Append('}');
                break;
            case JsonArray a:
                text.Append('[');
                for (var i = 0; i < a.Count; i++)
                {
                    if (i > 0) text.Append(',');
                    Write(text, a[i], random, share);
                }

                text.Append(']');
                break;
            default:
                text.Append(Latin1(value?.ToJsonString() ?? "null"));
                break;
        }
    }

    private static string Hostile(Random random) => random.Next(60) switch
    {
        0 => new string('9', ManyDigits),
        1 => "0." + new string('1', ManyDigits),
        2 => '"' + new string('x', LongText) + '"',
        3 => new string('[', Deep) + new string(']', Deep),
        4 => string.Concat(Enumerable.Repeat("{\"a\":", Deep)) + "1" + new string('}', Deep),
        5 => new string('[', random.Next(1, 200)),
        6 => $"[{string.Join(',', Enumerable.Repeat("null", 2_000))}]",
        7 => $"{{{string.Join(',', Enumerable.Range(0, 1_200).Select(i => string.Create(CultureInfo.InvariantCulture, $"\"k{i}\":{i}")))}}}",
        8 => '"' + string.Concat(Enumerable.Repeat("\\u00e9", 3_000)) + '"',
        9 => random.Next().ToString(CultureInfo.InvariantCulture) + "e" + random.Next(-400, 400).ToString(CultureInfo.InvariantCulture),
        _ => Values[random.Next(Values.Length)],
    };

    private static string Escaped(string name) => Latin1(JsonEncodedText.Encode(name).ToString());

    private static string Latin1(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
