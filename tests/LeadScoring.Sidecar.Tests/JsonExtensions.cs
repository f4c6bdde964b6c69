using System.Text.Json;

namespace LeadScoring.Sidecar.Tests;

internal static class JsonExtensions
{
    internal static string? Text(this JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ToString() : null;

    internal static int Int(this JsonElement json, string name) => json.GetProperty(name).GetInt32();

    internal static JsonElement At(this JsonElement json, string name, int index) => json.GetProperty(name)[index];
}
