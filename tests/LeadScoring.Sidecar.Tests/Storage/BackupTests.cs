using System.Collections.Concurrent;
using System.Net.Http.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Cli;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>Backup and restore, over both databases.</summary>
public sealed class BackupTests : IDisposable
{
    private readonly string folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"))).FullName;

    private string Backup => Path.Combine(folder, "a.backup");

    private static object Event(int i) => new { event_id = $"e{i}", lead_id = $"l{i % 40}", type = "page_view", source = "website", occurred_at = 1_760_000_000_000 + i };

    /// <summary>The real server takes writes from four clients all the while; a backup is taken beside it by another process.</summary>
    [SqliteFact]
    [Trait("Category", "Server")]
    public async Task Backup_UnderLoad_HoldsAllThatWasAcknowledgedBeforeAndIsOfOneMoment()
    {
        await using var sidecar = await KilledSidecar.CreateAsync();
        var (process, client) = await sidecar.ServeAsync();
        using (process)
        using (client)
        {
            var acknowledged = new ConcurrentQueue<int>();
            using var stop = new CancellationTokenSource();
            var writers = Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
            {
                for (var i = w; !stop.IsCancellationRequested; i += 4)
                {
                    using var answer = await client.PostAsJsonAsync("/v1/events", Event(i));
                    answer.EnsureSuccessStatusCode();
                    acknowledged.Enqueue(i);
                }
            })).ToArray();
            while (acknowledged.Count < 200) await Task.Delay(20);
            var before = acknowledged.ToArray();
            var output = await SidecarProcess.RunAsync(sidecar.Data, "backup", "--to", Backup);
            var during = acknowledged.Count - before.Length;
            await stop.CancelAsync();
            await Task.WhenAll(writers);
            Assert.True(during > 20, $"Only {during} writes while the backup was taken.");
            Assert.Contains("events", output);
            if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Backup));

            var restored = Path.Combine(folder, "restored");
            Assert.Contains("Whole", await SidecarProcess.RunAsync(restored, "backup", "verify", Backup));
            await SidecarProcess.RunAsync(restored, "restore", "--from", Backup);
            await using var app = await ServicesAsync(restored, null);
            await AssertConsistentAsync(app, "acme", before.Select(i => $"e{i}"));
            // The folder of the backup and that of the restored database hold nothing but these.
            Assert.Equal([Backup], Directory.EnumerateFiles(folder));
        }
    }

    [PostgresFact]
    public async Task Backup_OfPostgresUnderLoad_HoldsAllThatWasAcknowledgedBeforeAndIsOfOneMoment()
    {
        var (from, to) = (await TestPostgres.CreateAsync(), await TestPostgres.CreateEmptyAsync());
        try
        {
            await using (var app = await ServicesAsync(Path.Combine(folder, "data"), from))
            {
                await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync("acme", CancellationToken.None);
                var store = app.Services.GetRequiredService<EventStore>();
                var acknowledged = new ConcurrentQueue<int>();
                using var stop = new CancellationTokenSource();
                var writers = Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
                {
                    for (var i = w; !stop.IsCancellationRequested; i += 4)
                    {
                        await store.AppendAsync("acme", [new LeadEvent($"l{i % 40}", new ActivityEvent($"e{i}", "page_view", "website", 1_760_000_000_000 + i))], CancellationToken.None);
                        acknowledged.Enqueue(i);
                    }
                })).ToArray();
                while (acknowledged.Count < 200) await Task.Delay(20);
                var before = acknowledged.ToArray();
                AssertDone(await RunAsync(from, "backup", "--to", Backup));
                var during = acknowledged.Count - before.Length;
                await stop.CancelAsync();
                await Task.WhenAll(writers);
                Assert.True(during > 20, $"Only {during} writes while the backup was taken.");
                Assert.Contains("Whole", AssertDone(await RunAsync(to, "backup", "verify", Backup)));
                AssertDone(await RunAsync(to, "restore", "--from", Backup));
                await using var restored = await ServicesAsync(Path.Combine(folder, "data2"), to);
                await AssertConsistentAsync(restored, "acme", before.Select(i => $"e{i}"));
                // What is there is left alone.
                CommandRun.AssertOneLine(await RunAsync(to, "restore", "--from", Backup), "Nothing is overwritten");
            }
        }
        finally
        {
            await TestPostgres.DropAsync(from);
            await TestPostgres.DropAsync(to);
        }
    }

    [SqliteFact]
    public async Task Restore_CutOffChangedOrForeignFile_IsRefusedAndLeavesNothing()
    {
        await MakeAsync();
        var good = await File.ReadAllBytesAsync(Backup);
        var random = new Random(5);
        foreach (var kind in Enumerable.Range(0, 60))
        {
            var bad = (byte[])good.Clone();
            if (kind < 20) bad = good[..(good.Length * kind / 20)];
            else bad[random.Next(bad.Length)] ^= (byte)(1 << random.Next(8));
            await AssertRefusedAsync(bad, mayBeGood: kind >= 20);
        }

        await AssertRefusedAsync("PK\u0003\u0004"u8.ToArray());
        await AssertRefusedAsync(Fuzzing.FileMutation.Pack([("manifest.json", "{}"u8.ToArray())], []));
    }

    [SqliteFact]
    public async Task Restore_WhereADatabaseIs_ChangesNothing()
    {
        await MakeAsync();
        var there = await File.ReadAllBytesAsync(Path.Combine(folder, "data", "leadscoring.db"));
        CommandRun.AssertOneLine(await CommandRun.RunAsync("restore", "--from", Backup, "--data", Path.Combine(folder, "data")), "Nothing is overwritten");
        Assert.Equal(there, await File.ReadAllBytesAsync(Path.Combine(folder, "data", "leadscoring.db")));
        CommandRun.AssertOneLine(await CommandRun.RunAsync("backup", "--to", Backup, "--data", Path.Combine(folder, "data")), "never overwritten");
        CommandRun.AssertOneLine(await CommandRun.RunAsync("backup", "--to", Path.Combine(folder, "b"), "--data", Path.Combine(folder, "nothing")), "There is no database");

        // Another key than the backup's would make its secrets unreadable.
        var other = Directory.CreateDirectory(Path.Combine(folder, "other")).FullName;
        await File.WriteAllTextAsync(Path.Combine(other, "secrets.key"), Convert.ToBase64String(new byte[32]));
        CommandRun.AssertOneLine(await CommandRun.RunAsync("restore", "--from", Backup, "--data", other), "another key");
        Assert.Equal(["secrets.key"], Directory.EnumerateFileSystemEntries(other).Select(Path.GetFileName));
    }

    [SqliteFact]
    public async Task Restore_OfANewerSchema_IsRefused()
    {
        await MakeAsync(async app => await app.Services.GetRequiredService<Database>().WriteAsync(
            t => t.ExecuteAsync("insert into schema_migrations values ('9999_future.sql', 0)", null, CancellationToken.None), CancellationToken.None));
        CommandRun.AssertOneLine(await CommandRun.RunAsync("restore", "--from", Backup, "--data", Path.Combine(folder, "restored")), "newer version");
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(folder, "restored")));
    }

    [SqliteFact]
    public async Task Restore_Secrets_CanBeReadAgain()
    {
        byte[] box = [];
        await MakeAsync(app =>
        {
            box = app.Services.GetRequiredService<SecretBox>().Seal("s3cret"u8, "here");
            return Task.CompletedTask;
        });
        var restored = Path.Combine(folder, "restored");
        AssertDone(await CommandRun.RunAsync("restore", "--from", Backup, "--data", restored));
        Assert.Equal("s3cret"u8.ToArray(), new SecretBox(Options.Create(new StorageOptions { Data = restored })).Open(box, "here"));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(restored, "secrets.key")));
    }

    private async Task MakeAsync(Func<WebApplication, Task>? more = null)
    {
        await using (var app = await ServicesAsync(Path.Combine(folder, "data"), null))
        {
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync("acme", CancellationToken.None);
            await app.Services.GetRequiredService<EventStore>().AppendAsync("acme", [new LeadEvent("l1", new ActivityEvent("e1", "page_view", "website", 1_760_000_000_000))], CancellationToken.None);
            app.Services.GetRequiredService<SecretBox>().Seal("x"u8, "y");
            if (more is not null) await more(app);
        }

        AssertDone(await CommandRun.RunAsync("backup", "--to", Backup, "--data", Path.Combine(folder, "data")));
    }

    private async Task AssertRefusedAsync(byte[] file, bool mayBeGood = false)
    {
        var (path, data) = (Path.Combine(folder, "bad.backup"), Path.Combine(folder, "bad"));
        await File.WriteAllBytesAsync(path, file);
        var run = await CommandRun.RunAsync("restore", "--from", path, "--data", data);
        // A bit that nobody reads, such as one of a date in the zip.
        if (run.Code == 0 && mayBeGood)
        {
            await using var app = await ServicesAsync(data, null);
            await AssertConsistentAsync(app, "acme", ["e1"]);
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        }
        else
        {
            CommandRun.AssertOneLine(run, "backup cannot be used");
            Assert.Empty(Directory.EnumerateFileSystemEntries(data));
        }

        Directory.Delete(data, recursive: true);
    }

    private static async Task AssertConsistentAsync(WebApplication app, string organizationId, IEnumerable<string> atLeast)
    {
        var events = new List<LeadEvent>();
        await foreach (var e in app.Services.GetRequiredService<EventStore>().ReadAllAsync(organizationId, CancellationToken.None)) events.Add(e);
        Assert.Empty(atLeast.Except(events.Select(e => e.Event.EventId)));
        // Event and activity are one write: at any one moment they agree.
        var byLead = events.ToLookup(e => e.LeadId, e => e.Event);
        var leads = 0;
        await foreach (var lead in app.Services.GetRequiredService<LeadStore>().StreamAllAsync(organizationId, CancellationToken.None))
        {
            leads++;
            Assert.Equal(ActivityState.Replay(byLead[lead.LeadId], long.MaxValue).ToBytes(), lead.Snapshot.Activity.ToBytes());
        }

        Assert.Equal(byLead.Count, leads);
    }

    private static async Task<WebApplication> ServicesAsync(string data, string? database)
    {
        var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", data), new("LeadScoring:Database", database)]).Build();
        await app.PrepareAsync(CancellationToken.None);
        return app;
    }

    private Task<(int Code, string Output, string Error)> RunAsync(string database, params string[] args) => CommandRun.RunAsync([.. args, "--data", Path.Combine(folder, "data"), "--database", database]);

    private static string AssertDone((int Code, string Output, string Error) run)
    {
        Assert.True(run.Code == 0, run.Output + run.Error);
        return run.Output;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
