using System.Runtime.CompilerServices;
using System.Text.Json;

namespace LeadScoring.Sidecar.Tests.Api;

public sealed class OpenApiTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    /// <summary>The checked-in contract. UPDATE_OPENAPI=1 rewrites it after a change that was meant.</summary>
    [Fact]
    public async Task OpenApi_CheckedInFile_EqualsWhatIsServed()
    {
        var served = (await sidecar.Anonymous().GetStringAsync("/openapi/v1.json")).ReplaceLineEndings("\n") + "\n";
        var path = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar/openapi.json"));
        if (Environment.GetEnvironmentVariable("UPDATE_OPENAPI") == "1") await File.WriteAllTextAsync(path, served);
        Assert.True(File.Exists(path) && await File.ReadAllTextAsync(path) == served, "sidecar/openapi.json is not what is served. Was the change meant? Then run the tests once with UPDATE_OPENAPI=1.");
    }

    [Fact]
    public async Task OpenApi_EveryOperation_HasNameSummaryAndSecurity()
    {
        var document = JsonElement.Parse(await sidecar.Anonymous().GetStringAsync("/openapi/v1.json"));
        Assert.StartsWith("3.1", document.Text("openapi"));
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                Assert.NotNull(operation.Value.Text("operationId"));
                Assert.NotNull(operation.Value.Text("summary"));
                // Webhooks of vendors carry a signature instead of a key.
                Assert.Equal(path.Name.StartsWith("/v1/", StringComparison.Ordinal) && !path.Name.StartsWith("/v1/inbound/", StringComparison.Ordinal), operation.Value.TryGetProperty("security", out _));
            }
        }
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
