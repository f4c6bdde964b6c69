using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Api;

public sealed class HealthTests
{
    [Fact]
    public async Task Ready_APartIsNot_Is503WithItsReason()
    {
        var reason = "still warming up";
        var sidecar = new SidecarFactory { Configure = services => services.AddSingleton(new ReadinessPart("planted", _ => ValueTask.FromResult<string?>(reason))) };
        await sidecar.InitializeAsync();
        using var response = await sidecar.Anonymous().GetAsync("/readyz");
        var body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("database", body.At("parts", 0).Text("name"));
        Assert.True(body.At("parts", 0).GetProperty("ready").GetBoolean());
        Assert.Equal(reason, body.GetProperty("parts").EnumerateArray().Single(p => p.Text("name") == "planted").Text("reason"));
        await sidecar.DisposeAsync();
    }
}
