using System.Diagnostics;
using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Storage;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Stored scores at hand: in memory and in Redis, never one of other data or of another model.</summary>
public sealed class ScoreCacheTests
{
    private static async Task<SidecarFactory> SidecarAsync(RedisServer? redis, string memory = "10000")
    {
        var sidecar = new SidecarFactory { Settings = { ["LeadScoring:Scoring:ScoreCacheSize"] = memory, ["LeadScoring:Redis"] = redis?.Address } };
        await sidecar.InitializeAsync();
        if (redis is null) return sidecar;
        var cache = (RedisCache)sidecar.Get<ISharedCache>();
        for (var waits = 0; cache.IsOpen; waits++)
        {
            Assert.True(waits < 1_000, "Redis is not used.");
            await Task.Delay(10);
        }

        return sidecar;
    }

    private static Task<(HttpStatusCode Status, JsonElement Body)> QuickAsync(TestOrganization organization) =>
        organization.PostAsync("/v1/score", new { lead_id = "a", scoring_type = "quick", include_factors = true });

    /// <summary>Behind the caches' back, so that it shows where an answer comes from.</summary>
    private static async Task MarkLedgerAsync(SidecarFactory sidecar, string text)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        using var command = connection.CreateCommand();
        command.CommandText = $"update scores set factors = '{{\"Factors\":[],\"ReviewReason\":\"{text}\"}}', needs_review = 1";
        command.ExecuteNonQuery();
    }

    [Theory]
    [InlineData("10000", true)]
    [InlineData("0", false)]
    public async Task Quick_AskedAgain_IsReadOnceWhileMemoryKeepsIt(string memory, bool kept)
    {
        var sidecar = await SidecarAsync(null, memory);
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await organization.PutLeadAsync("a", new { call_count = 1 });
            var full = await organization.ScoreAsync(new { lead_id = "a" });
            Assert.True((await QuickAsync(organization)).Body.GetProperty("cached").GetBoolean());
            await MarkLedgerAsync(sidecar, "changed");
            var again = (await QuickAsync(organization)).Body;
            Assert.Equal(full.GetProperty("score").GetDouble(), again.GetProperty("score").GetDouble());
            Assert.Equal(!kept, again.Text("review_reason") == "changed");
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    [NativeXGBoostFact]
    public async Task Quick_NewDataOrAnotherModel_NeverGivesTheOldScore()
    {
        var sidecar = await SidecarAsync(null);
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await organization.PutLeadAsync("a", new { call_count = 1 });
            await organization.ScoreAsync(new { lead_id = "a" });
            Assert.Equal("rules", (await QuickAsync(organization)).Body.Text("scored_by"));
            await organization.PutLeadAsync("a", new { call_count = 1, showing_requests = 3 });
            await organization.ScoreAsync(new { lead_id = "a" });
            Assert.Equal(55, (await QuickAsync(organization)).Body.GetProperty("score").GetDouble());
            var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
            Assert.Equal("primary", (await QuickAsync(organization)).Body.Text("scored_by"));
            var full = await organization.ScoreAsync(new { lead_id = "a" });
            var quick = (await QuickAsync(organization)).Body;
            Assert.Equal((true, version, full.GetProperty("score").GetDouble()), (quick.GetProperty("cached").GetBoolean(), quick.Int("model_version"), quick.GetProperty("score").GetDouble()));
            await organization.UseModelAsync(await SmallModel.BundleAsync());
            Assert.False((await QuickAsync(organization)).Body.GetProperty("cached").GetBoolean());
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    [RedisFact]
    [Trait("Category", "Server")]
    public async Task Quick_ThroughRedis_IsGivenOutUntilItIsEmptiedAndNothingIsLost()
    {
        using var redis = await RedisServer.StartAsync();
        var sidecar = await SidecarAsync(redis, memory: "0");
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await organization.PutLeadAsync("a", new { call_count = 1 });
            var full = await organization.ScoreAsync(new { lead_id = "a", include_factors = true });
            for (var tries = 0; await redis.SendAsync("DBSIZE") != ":1"; tries++)
            {
                Assert.True(tries < 500, "Redis is not written to.");
                await QuickAsync(organization);
                await Task.Delay(10);
            }

            await MarkLedgerAsync(sidecar, "from the ledger");
            var shared = (await QuickAsync(organization)).Body;
            Assert.Equal(full.GetProperty("factors").ToString(), shared.GetProperty("factors").ToString());
            await redis.SendAsync("FLUSHALL");
            var after = (await QuickAsync(organization)).Body;
            Assert.Equal("from the ledger", after.Text("review_reason"));
            Assert.Equal(full.GetProperty("score").GetDouble(), after.GetProperty("score").GetDouble());
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    [RedisFact]
    [Trait("Category", "Server")]
    public async Task Quick_RedisFrozenThenStopped_IsAnsweredAllTheTime()
    {
        using var redis = await RedisServer.StartAsync();
        var sidecar = await SidecarAsync(redis, memory: "0");
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await organization.PutLeadAsync("a", new { call_count = 1 });
            var full = await organization.ScoreAsync(new { lead_id = "a" });
            foreach (var fault in (Action[])[redis.Freeze, redis.Stop])
            {
                fault();
                var clock = Stopwatch.StartNew();
                for (var i = 0; i < 100; i++)
                {
                    var (status, body) = await QuickAsync(organization);
                    Assert.Equal((HttpStatusCode.OK, full.GetProperty("score").GetDouble()), (status, body.GetProperty("score").GetDouble()));
                }

                // A hundred that waited 1 s each, the client's own limit, would take 100 s.
                Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
            }
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }
}
