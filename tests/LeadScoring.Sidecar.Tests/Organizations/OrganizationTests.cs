using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Tests.Storage;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Sidecar.Tests.Organizations;

public sealed class OrganizationTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Fact]
    public async Task Keys_CreateListRevoke_SecretIsShownOnceAndDiesWithTheKey()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, made) = await organization.PostAsync("/v1/keys", new { name = "n8n", scope = "score" });
        Assert.Equal(HttpStatusCode.Created, status);
        Assert.True(ApiKey.TryParse(made.Text("key")!, out var key));
        Assert.Equal(HttpStatusCode.OK, (await sidecar.With(key).GetAsync("/v1/leads")).StatusCode);

        var (_, list) = await organization.GetAsync("/v1/keys");
        Assert.DoesNotContain(key.Secret, list.ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NoContent, (await organization.SendAsync(HttpMethod.Delete, "/v1/keys/" + key.KeyId)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await sidecar.With(key).GetAsync("/v1/leads")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, "/v1/keys/" + key.KeyId)).Status);
    }

    [SqliteFact]
    public async Task Keys_DatabaseFile_HoldsNoSecret()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var file in Directory.GetFiles(sidecar.Data, "leadscoring.db*"))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
            Assert.DoesNotContain(organization.Key.Secret, await reader.ReadToEndAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ApiKey_ToString_HidesTheSecret()
    {
        var key = ApiKey.Create();
        Assert.DoesNotContain(key.Secret, key.ToString(), StringComparison.Ordinal);
        Assert.Equal(43, key.Secret.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Upper")]
    [InlineData("-dash")]
    [InlineData("a b")]
    public async Task Ensure_BadId_IsRefused(string id) =>
        await Assert.ThrowsAsync<LeadScoring.Sidecar.Api.ProblemException>(() => sidecar.Get<OrganizationStore>().EnsureAsync(id, CancellationToken.None));

    [Fact]
    public async Task Profile_NewOrganization_HasRealEstate()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, profile) = await organization.GetAsync("/v1/profile");
        Assert.Equal("real-estate", profile.Text("name"));
        Assert.Equal(1, profile.Int("version"));
        Assert.Equal(26, profile.GetProperty("features").GetArrayLength());
    }

    [Fact]
    public async Task Profile_PutTwice_MakesOneNewVersion()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var yaml = ProfileStore.Default.Yaml.Replace("name: real-estate", "name: houses", StringComparison.Ordinal);
        var (status, first) = await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml });
        var (_, second) = await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(2, first.Int("version"));
        Assert.Equal(2, second.Int("version"));
        var active = await sidecar.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None);
        Assert.Equal("houses", active.Profile.Name);
    }

    [Fact]
    public async Task Profile_PutInvalid_ChangesNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, _) = await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = "name: x" });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(1, (await organization.GetAsync("/v1/profile")).Body.Int("version"));
    }
}
