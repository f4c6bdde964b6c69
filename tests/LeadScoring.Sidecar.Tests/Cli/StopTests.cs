using LeadScoring.Sidecar.Tests.Storage;
using Npgsql;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>A service that is asked to end does so, whatever has become of its database.</summary>
[Trait("Category", "Server")]
public sealed class StopTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(25);

    [PostgresFact]
    public async Task Terminate_DatabaseGoneWhileTheNextJobIsNear_Ends()
    {
        var connectionString = await TestPostgres.CreateAsync();
        var data = Directory.CreateTempSubdirectory("leadscoring-tests-").FullName;
        try
        {
            var server = new NpgsqlConnectionStringBuilder(connectionString);
            await using var proxy = new TcpProxy(server.Host!, server.Port);
            (server.Host, server.Port) = ("127.0.0.1", proxy.Port);
            // Up to half a minute before each full one the schedule takes the job that looks for organizations' own: it wants to give that back before it ends.
            while (TimeProvider.System.GetUtcNow().Second is < 32 or > 40) await Task.Delay(200);
            var (process, client) = await SidecarProcess.ServeAsync(data, "none", ("LEADSCORING__DATABASE", server.ConnectionString));
            using (process)
            using (client)
            {
                await Task.Delay(3_000);
                await proxy.CutAsync();
                await Task.Delay(2_000);
                Assert.Equal(0, await process.TerminateAsync(Longest));
            }
        }
        finally
        {
            Directory.Delete(data, recursive: true);
            await TestPostgres.DropAsync(connectionString);
        }
    }

    [Fact]
    public async Task Terminate_NothingToDo_EndsAtOnce()
    {
        var data = Directory.CreateTempSubdirectory("leadscoring-tests-").FullName;
        try
        {
            var (process, client) = await SidecarProcess.ServeAsync(data, "none");
            using (process)
            using (client) Assert.Equal(0, await process.TerminateAsync(Longest));
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }
}
