using System.Net;
using Dapper;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Cli;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>Files that a disk or a person has damaged: a clear word, and never a score from them.</summary>
public sealed class DamageTests : IDisposable
{
    private readonly CommandRun run = new();

    [SqliteFact]
    public async Task Start_DatabaseCutOffOverwrittenOrNoDatabase_SaysRestoreAndChangesNothing()
    {
        await using (var app = await run.ServicesAsync())
        {
            await app.Services.GetService(typeof(Database)).AssertNotNull<Database>().WriteAsync(t => t.ExecuteAsync("insert into organizations values ('acme', @name, 1)", new { name = new string('x', 300_000) }, CancellationToken.None), CancellationToken.None);
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        var path = Path.Combine(run.Folder, "data", "leadscoring.db");
        await using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Pooling=False")) await connection.ExecuteAsync("pragma wal_checkpoint(truncate)");
        var good = await File.ReadAllBytesAsync(path);
        var half = good[..(good.Length / 2)];
        var zeroed = (byte[])good.Clone();
        Array.Clear(zeroed, 4096, 8 * 4096);
        var header = (byte[])good.Clone();
        for (var i = 0; i < 40; i++) header[i] = 0x5A;
        foreach (var bad in (byte[][])[half, zeroed, header, "this is a letter, not a database; it is long enough for a header though. ................................"u8.ToArray()])
        {
            await File.WriteAllBytesAsync(path, bad);
            CommandRun.AssertOneLine(await run.WithDataAsync("keys", "list", "--organization", "acme"), "restore --from");
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Assert.Equal(bad, await File.ReadAllBytesAsync(path));
        }
    }

    /// <summary>A byte of the champion's bundle turned in the database: rules score and say so, nothing else gives a number.</summary>
    [NativeXGBoostFact]
    public async Task Score_ChampionsBundleDamaged_IsByRulesAndSaysSo()
    {
        var sidecar = new SidecarFactory();
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
            Assert.Equal("ensemble", (await organization.ScoreAsync(new { lead_id = "l1", lead = new { budget = 1 } })).Text("scored_by"));
            var bundle = await sidecar.Get<ModelStore>().GetBundleAsync(organization.Id, version, CancellationToken.None);
            foreach (var at in (int[])[bundle.Length / 5, bundle.Length / 2, bundle.Length * 4 / 5])
            {
                var damaged = (byte[])bundle.Clone();
                damaged[at] ^= 4;
                await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync("update model_bundles set bundle = @damaged where organization_id = @Id", new { damaged, organization.Id }, CancellationToken.None), CancellationToken.None);
                sidecar.Get<ActiveModels>().Forget(organization.Id);
                var scored = await organization.ScoreAsync(new { lead_id = "l1" });
                Assert.Equal("rules", scored.Text("scored_by"));
                Assert.Equal(System.Text.Json.JsonValueKind.Null, scored.GetProperty("model_version").ValueKind);
                var (status, problem) = await organization.SendBundleAsync(damaged);
                Assert.Equal(HttpStatusCode.BadRequest, status);
                Assert.Contains("bundle", problem.Text("detail"), StringComparison.OrdinalIgnoreCase);
            }
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    public void Dispose() => run.Dispose();
}

file static class Checked
{
    internal static T AssertNotNull<T>(this object? value) => Assert.IsAssignableFrom<T>(value);
}
