using Dapper;
using LeadScoring.Sidecar.Tests.Storage;
using Npgsql;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>A service that is asked to end does so, whatever has become of its database.</summary>
[Trait("Category", "Server")]
public sealed class StopTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(25);

    [PostgresFact]
    public async Task Terminate_PostgresGoneWhileTheNextJobIsNear_Ends()
    {
        var connectionString = await TestPostgres.CreateAsync();
        var data = Directory.CreateTempSubdirectory("leadscoring-tests-").FullName;
        try
        {
            var server = new NpgsqlConnectionStringBuilder(connectionString);
            await using var proxy = new TcpProxy(server.Host!, server.Port);
            (server.Host, server.Port) = ("127.0.0.1", proxy.Port);
            var (process, client) = await SidecarProcess.ServeAsync(data, "none", ("LEADSCORING__DATABASE", server.ConnectionString));
            using (process)
            using (client)
            {
                // Up to half a minute before its time the schedule takes the job that looks for organizations' own every minute. It wants to give that back before it ends.
                var waited = 0;
                while (!await IsTakenAsync(connectionString))
                {
                    Assert.True(waited++ < 700, "No job was taken within 70 seconds.");
                    await Task.Delay(100);
                }

                await proxy.CutAsync();
                Assert.Equal(0, await process.TerminateAsync(Longest));
            }
        }
        finally
        {
            Directory.Delete(data, recursive: true);
            await TestPostgres.DropAsync(connectionString);
        }
    }

    private static async Task<bool> IsTakenAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        return await connection.ExecuteScalarAsync<bool>("select exists (select 1 from qrtz_triggers where trigger_state = 'ACQUIRED')");
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
