using System.Text;

namespace LeadScoring.Sidecar.Api;

/// <summary>Lines of a stream, of which none may fill the memory: what is beyond the bound is read past and not kept.</summary>
internal sealed class LineReader(TextReader reader, int maxChars)
{
    private readonly char[] buffer = new char[16_384];
    private int at;
    private int length;

    /// <summary>A line without its end and the white space around it.</summary>
    internal sealed record Line(string Text, bool IsTooLong)
    {
        internal bool IsEmpty => Text.Length == 0 && !IsTooLong;
    }

    /// <summary>The next line; null at the end.</summary>
    internal async ValueTask<Line?> ReadAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        var isTooLong = false;
        while (true)
        {
            if (at == length)
            {
                (at, length) = (0, await reader.ReadAsync(buffer, cancellationToken));
                if (length == 0) return text.Length == 0 && !isTooLong ? null : new Line(text.ToString().Trim(), isTooLong);
            }

            var end = Array.IndexOf(buffer, '\n', at, length - at);
            var upTo = end < 0 ? length : end;
            isTooLong |= text.Length + upTo - at > maxChars;
            if (!isTooLong) text.Append(buffer, at, upTo - at);
            at = end < 0 ? length : end + 1;
            if (end >= 0) return new Line(isTooLong ? "" : text.ToString().Trim(), isTooLong);
        }
    }
}
