using System.Text;

namespace LeadScoring.Sidecar.Imports;

/// <summary>How a CSV file is written: encoding and delimiter, found from its bytes.</summary>
internal sealed record CsvDialect(Encoding Encoding, char Delimiter)
{
    private const int SampleBytes = 256 * 1024;
    private static readonly char[] Delimiters = [',', ';', '\t', '|'];

    static CsvDialect() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    /// <exception cref="CsvException">Empty, or not a text file.</exception>
    internal static CsvDialect Detect(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        var head = new byte[Math.Min(SampleBytes, stream.Length)];
        stream.ReadExactly(head);
        if (head.Length == 0) throw new CsvException("The file is empty.");
        if (head.AsSpan().StartsWith("PK\u0003\u0004"u8)) throw new CsvException("This is an Excel or zip file. Save it as CSV (UTF-8) and try again.");
        stream.Position = 0;
        var encoding = DetectEncoding(stream, head);
        var text = encoding.GetString(head);
        if (text.Contains('\0')) throw new CsvException("This is not a text file: it has zero bytes. Save it as CSV (UTF-8) and try again.");
        return new CsvDialect(encoding, DetectDelimiter(text.TrimStart('\uFEFF')));
    }

    private static Encoding DetectEncoding(Stream stream, ReadOnlySpan<byte> head)
    {
        if (head.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE])) return Encoding.Unicode;
        if (head.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF])) return Encoding.BigEndianUnicode;
        // The whole file is looked at: one name with an umlaut in the last row must not turn into a question mark.
        return IsUtf8(stream) ? new UTF8Encoding(false) : Encoding.GetEncoding(1252);
    }

    private static bool IsUtf8(Stream stream)
    {
        var decoder = new UTF8Encoding(false, throwOnInvalidBytes: true).GetDecoder();
        var bytes = new byte[1 << 16];
        var chars = new char[bytes.Length + 1];
        try
        {
            int read;
            while ((read = stream.Read(bytes)) > 0) decoder.GetChars(bytes.AsSpan(0, read), chars, flush: false);
            decoder.GetChars([], chars, flush: true);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>The delimiter that cuts the first records into the same number of fields, and the most of them; a comma when there is none.</summary>
    private static char DetectDelimiter(string text)
    {
        var best = (Delimiter: ',', Score: 0.0);
        foreach (var delimiter in Delimiters)
        {
            var counts = CountPerRecord(text, delimiter);
            if (counts.Count == 0 || counts[0] == 0) continue;
            var alike = counts.Count(c => c == counts[0]) / (double)counts.Count;
            // Agreement first: prose in a cell has many commas, but never the same number in each row.
            var score = alike + Math.Min(counts[0], 1000) / 10_000.0;
            if (score > best.Score) best = (delimiter, score);
        }

        return best.Delimiter;
    }

    private static List<int> CountPerRecord(string text, char delimiter)
    {
        var counts = new List<int>();
        var (count, quoted, any) = (0, false, false);
        foreach (var c in text)
        {
            if (c == '"') quoted = !quoted;
            else if (!quoted && c == delimiter) count++;
            else if (!quoted && c is '\n' or '\r')
            {
                if (!quoted && any)
                {
                    counts.Add(count);
                    (count, any) = (0, false);
                    if (counts.Count == 100) return counts;
                }

                continue;
            }

            any = true;
        }

        if (any && counts.Count == 0) counts.Add(count);
        return counts;
    }
}
