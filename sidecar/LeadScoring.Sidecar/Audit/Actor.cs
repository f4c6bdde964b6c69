using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Audit;

/// <summary>Who does what is done now: the key of the request, else what the process was asked to do.</summary>
internal static class Actor
{
    private static readonly AsyncLocal<string?> Named = new();

    internal static string Now => Caller.Current is { } caller ? Of(caller.KeyId) : Named.Value ?? "service";

    internal static string Of(string keyId) => $"key {keyId}";

    /// <summary>For work that no request asked for, until the method that says so ends.</summary>
    internal static void Is(string name) => Named.Value = name;
}
