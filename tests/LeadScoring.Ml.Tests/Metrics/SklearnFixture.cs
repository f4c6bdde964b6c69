using System.Text.Json;

namespace LeadScoring.Ml.Tests.Metrics;

/// <summary>Reads what tests/fixtures/sklearn/make_sklearn_fixtures.py wrote.</summary>
internal static class SklearnFixture
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static T[] Read<T>(string file)
    {
        using var stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "fixtures", "sklearn", file));
        return JsonSerializer.Deserialize<Fixture<T>>(stream, Options)!.Cases;
    }

    private sealed record Fixture<T>(T[] Cases);
}
