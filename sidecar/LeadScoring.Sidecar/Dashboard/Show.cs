using System.Globalization;
using System.Text.Json;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>How pages write numbers, moments and names.</summary>
internal static class Show
{
    private const string None = "–";
    private const int Longest = 80;

    internal static string Number(double? value, string format = "#,##0.###") => value is { } v && double.IsFinite(v) ? v.ToString(format, CultureInfo.InvariantCulture) : None;

    internal static string Score(double? value) => Number(value, "0.0");

    internal static string Percent(double? value, string format = "0.#") => value is { } v && double.IsFinite(v) ? (v * 100).ToString(format, CultureInfo.InvariantCulture) + " %" : None;

    internal static string Points(double value) => value.ToString("+0.0;−0.0;0.0", CultureInfo.InvariantCulture);

    internal static string Range(double? low, double? high, bool percent = true) => low is null || high is null ? "" : percent ? $"{Percent(low)} to {Percent(high)}" : $"{Number(low)} to {Number(high)}";

    internal static string Moment(DateTimeOffset? at) => at?.UtcDateTime.ToString("d MMM yyyy, HH:mm", CultureInfo.InvariantCulture) ?? None;

    internal static string Day(DateTimeOffset? at) => at?.UtcDateTime.ToString("d MMM yyyy", CultureInfo.InvariantCulture) ?? None;

    internal static string Short(DateTimeOffset at) => at.UtcDateTime.ToString("ddd d MMM, HH:mm", CultureInfo.InvariantCulture);

    internal static string Ago(DateTimeOffset? at, DateTimeOffset now)
    {
        if (at is not { } then) return "never";
        var age = now - then;
        return age.TotalMinutes < 2 ? "just now" : age.TotalHours < 2 ? $"{age.TotalMinutes:0} minutes ago" : age.TotalDays < 2 ? $"{age.TotalHours:0} hours ago" : age.TotalDays < 60 ? $"{age.TotalDays:0} days ago" : Day(at);
    }

    /// <summary>snake_case to words; what is short for something stays in capitals.</summary>
    internal static string Name(string? name)
    {
        if (string.IsNullOrEmpty(name)) return None;
        var words = string.Join(' ', name.Split('_').Select(w => w is "auc" or "f1" or "sms" ? w.ToUpperInvariant() : w)).Replace("grade a", "grade A", StringComparison.Ordinal);
        return char.ToUpperInvariant(words[0]) + words[1..];
    }

    internal static string Name(Enum value) => Name(JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    /// <summary>A number somewhere in an answer; null when it is not there.</summary>
    internal static double? At(this JsonElement from, params string[] path)
    {
        foreach (var name in path)
        {
            if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out from)) return null;
        }

        return from.ValueKind == JsonValueKind.Number ? from.GetDouble() : null;
    }

    internal static JsonElement? Part(this JsonElement from, params string[] path)
    {
        foreach (var name in path)
        {
            if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out from)) return null;
        }

        return from.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined ? null : from;
    }

    internal static string? Text(this JsonElement from, params string[] path) => from.Part(path) is { } found ? found.ValueKind == JsonValueKind.String ? found.GetString() : found.GetRawText() : null;

    internal static IEnumerable<JsonElement> List(this JsonElement from, params string[] path) => from.Part(path) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    /// <summary>What people call a lead: its name, company or address where it has one.</summary>
    internal static string? Title(JsonElement attributes)
    {
        var whole = $"{attributes.Text("first_name")} {attributes.Text("last_name")}".Trim();
        foreach (var text in (string?[])[attributes.Text("name"), attributes.Text("full_name"), whole, attributes.Text("company"), attributes.Text("company_name"), attributes.Text("email")])
        {
            if (text is { Length: > 0 }) return text.Length > Longest ? text[..Longest] : text;
        }

        return null;
    }
}
