using System.Text;
using System.Text.Json;

namespace LeadScoring.Sidecar.Api;

/// <summary>RFC 6901 pointers, also from the two path notations of the framework.</summary>
internal static class JsonPointer
{
    internal static string Append(string pointer, string member) =>
        pointer + "/" + member.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    internal static string Append(string pointer, int index) => $"{pointer}/{index}";

    /// <summary><c>Items[3].LeadId</c>, as validation names members, to <c>/items/3/lead_id</c>.</summary>
    internal static string FromMemberPath(string path) => Convert(path, JsonNamingPolicy.SnakeCaseLower.ConvertName);

    /// <summary><c>$.items[3].lead_id</c>, as <see cref="JsonException.Path"/> has it, to <c>/items/3/lead_id</c>.</summary>
    internal static string FromJsonPath(string? path) => path is null or "$" ? "" : Convert(path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path[1..], n => n);

    private static string Convert(string path, Func<string, string> name)
    {
        var pointer = new StringBuilder();
        foreach (var part in path.Split(['.', '[', ']'], StringSplitOptions.RemoveEmptyEntries))
        {
            pointer.Append('/').Append(int.TryParse(part, out _) ? part : name(part.Trim('\'')));
        }

        return pointer.ToString();
    }
}
