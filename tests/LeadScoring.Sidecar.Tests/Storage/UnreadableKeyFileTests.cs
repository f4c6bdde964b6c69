using System.Collections.Concurrent;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>The file that the audit log is sealed with cannot be read: who writes to the log in the background says so, goes on, and loses nothing once it can be read again.</summary>
public sealed class UnreadableKeyFileTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    /// <summary>Minutes of ten milliseconds.</summary>
    private sealed class Hurried : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(callback, state, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10));
    }

    private sealed class Lines<T> : ConcurrentQueue<string>, ILogger<T>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Enqueue(formatter(state, exception));
    }

    /// <summary>An audit log whose key file is a folder, as one is that was mounted before it was there.</summary>
    private (AuditLog Log, string File) Unreadable()
    {
        var file = Directory.CreateDirectory(Path.Combine(sidecar.Data, Guid.NewGuid().ToString("N"))).FullName;
        return (new AuditLog(new SecretBox(Options.Create(new StorageOptions { Data = sidecar.Data, KeyFile = file })), TimeProvider.System), file);
    }

    private async Task GoesOnAsync(BackgroundService service, string file, ConcurrentQueue<string> lines, Func<Task<bool>> isWritten)
    {
        await service.StartAsync(CancellationToken.None);
        await UntilAsync(() => Task.FromResult(lines.Count >= 2), "the second line");
        Assert.All(lines, line => Assert.EndsWith("IOException", line));
        Assert.False(service.ExecuteTask!.IsCompleted);
        Assert.False(await isWritten());
        Directory.Delete(file);
        File.Copy(sidecar.Get<SecretBox>().Path, file);
        await UntilAsync(isWritten, "what was noted");
        await service.StopAsync(CancellationToken.None);
    }

    private static async Task UntilAsync(Func<Task<bool>> done, string what)
    {
        for (var waits = 0; !await done(); waits++)
        {
            Assert.True(waits < 500, $"{what} does not come.");
            await Task.Delay(20);
        }
    }

    private static async Task<int> EntriesAsync(TestOrganization organization, string kind) => (await organization.GetAsync($"/v1/audit?kind={kind}")).Body.GetProperty("entries").GetArrayLength();

    [Fact]
    public async Task KeyUse_KeyFileUnreadable_SaysSoAndWritesLater()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var ((log, file), lines) = (Unreadable(), new Lines<KeyUse>());
        using var uses = new KeyUse(log, sidecar.Get<Database>(), new Hurried(), lines);
        uses.Of(organization.Id, organization.Key.KeyId).AtMs = 1_800_000_000_000;
        await GoesOnAsync(uses, file, lines, async () => await EntriesAsync(organization, AuditKind.KeyUsed) == 1);
    }

    [Fact]
    public async Task RefusedAccess_KeyFileUnreadable_SaysSoAndCountsOn()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var ((log, file), lines) = (Unreadable(), new Lines<RefusedAccess>());
        using var refusals = new RefusedAccess(log, sidecar.Get<Database>(), new Hurried(), lines);
        refusals.Tell(organization.Id, organization.Key.KeyId, "revoked");
        await GoesOnAsync(refusals, file, lines, async () => await EntriesAsync(organization, AuditKind.AccessRefused) == 1);
    }
}
