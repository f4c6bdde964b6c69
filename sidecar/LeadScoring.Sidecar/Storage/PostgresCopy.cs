using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Dapper;
using Npgsql;

namespace LeadScoring.Sidecar.Storage;

/// <summary>A database of PostgreSQL, written and read by PostgreSQL's own pg_dump and pg_restore.</summary>
internal sealed class PostgresCopy(StorageOptions options) : DatabaseCopy
{
    private const string Tables = """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition
        """;

    // A dump of many gigabytes takes hours, but none takes days.
    private static readonly TimeSpan Longest = TimeSpan.FromHours(24);

    private readonly NpgsqlConnectionStringBuilder setting = Unpooled(PostgresSetting.Read(options));

    internal override string Kind => "postgres";

    internal override async Task<BackupManifest> WriteAsync(string path, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(setting, cancellationToken);
        var dump = await ProgramAsync("pg_dump", connection.PostgreSqlVersion.Major, cancellationToken);
        // Counts and dump see the same moment.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        var snapshot = await connection.ExecuteScalarAsync<string>("select pg_export_snapshot()", transaction: transaction);
        var (schema, rows, models) = await CountAsync(connection, transaction, Tables, cancellationToken);
        await BackupFile.CreatePrivate(path).DisposeAsync();
        await RunAsync(dump, setting, ["--format=custom", "--no-owner", "--no-privileges", "--enable-row-security", $"--snapshot={snapshot}", $"--file={path}"], cancellationToken);
        return new BackupManifest { Database = Kind, Server = $"PostgreSQL {connection.PostgreSqlVersion}", Schema = schema, Rows = rows, ReadableModels = models };
    }

    internal override async Task<string?> VerifyAsync(string path, BackupManifest manifest, string scratch, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(setting, cancellationToken);
        var restore = await ProgramAsync("pg_restore", Major(manifest), cancellationToken);
        await RunAsync(restore, null, ["--list", path], cancellationToken);
        var name = "leadscoring_verify_" + Guid.NewGuid().ToString("N")[..12];
        try
        {
            await connection.ExecuteAsync($"create database {name} template template0");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return "The dump was not restored: this user may not make a database to try it in. Its checksums and its list of contents are right.";
        }

        try
        {
            var to = new NpgsqlConnectionStringBuilder(setting.ConnectionString) { Database = name };
            await LoadAsync(restore, to, path, cancellationToken);
            await using var restored = await OpenAsync(to, cancellationToken);
            RequireSame(manifest, await CountAsync(restored, null, Tables, cancellationToken));
            return null;
        }
        finally
        {
            await connection.ExecuteAsync($"drop database if exists {name} with (force)");
        }
    }

    internal override async Task RequireEmptyAsync(CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(setting, cancellationToken);
        if ((await connection.QueryAsync<string>(Tables)).AsList() is { Count: > 0 } tables)
            throw new StorageException($"The database {setting.Database} has {tables.Count} tables already ({tables[0]} ...). Nothing is overwritten: make an empty one (createdb) and name that in LEADSCORING__DATABASE.");
    }

    internal override async Task RestoreAsync(string path, BackupManifest manifest, CancellationToken cancellationToken)
    {
        await LoadAsync(await ProgramAsync("pg_restore", Major(manifest), cancellationToken), setting, path, cancellationToken);
        await using var connection = await OpenAsync(setting, cancellationToken);
        RequireSame(manifest, await CountAsync(connection, null, Tables, cancellationToken));
    }

    // One transaction: all of it or nothing.
    private static Task LoadAsync(string program, NpgsqlConnectionStringBuilder to, string path, CancellationToken cancellationToken) =>
        RunAsync(program, to, ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", $"--dbname={to.Database}", path], cancellationToken);

    private static async Task<NpgsqlConnection> OpenAsync(NpgsqlConnectionStringBuilder setting, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(setting.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch (NpgsqlException e)
        {
            await connection.DisposeAsync();
            throw new StorageException($"LEADSCORING__DATABASE: the server at {setting.Host}:{setting.Port} did not let in ({e.Message}).", e);
        }
    }

    private static NpgsqlConnectionStringBuilder Unpooled(NpgsqlConnectionStringBuilder builder)
    {
        builder.Pooling = false;
        builder.MaxAutoPrepare = 0;
        builder.CommandTimeout = 0;
        return builder;
    }

    private static int Major(BackupManifest manifest) =>
        int.TryParse(manifest.Server.Split(' ')[^1].Split('.')[0], CultureInfo.InvariantCulture, out var major) ? major : 0;

    /// <summary>The newest of that name that is here.</summary>
    /// <exception cref="StorageException">There is none, or it is older than the server.</exception>
    private static async Task<string> ProgramAsync(string name, int atLeast, CancellationToken cancellationToken)
    {
        var newest = (Path: "", Major: 0);
        string[] folders = Directory.Exists("/usr/lib/postgresql") ? [.. Directory.EnumerateDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin"))] : [];
        foreach (var path in folders.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)).Select(f => Path.Combine(f, name)).Where(File.Exists))
        {
            // "pg_dump (PostgreSQL) 15.8 (Debian 15.8-1)"
            var said = await RunAsync(path, null, ["--version"], cancellationToken);
            if (said.Split(' ') is [_, _, var version, ..] && int.TryParse(version.Split('.', '\n')[0], CultureInfo.InvariantCulture, out var major) && major > newest.Major) newest = (path, major);
        }

        if (newest.Major == 0) throw new StorageException($"{name} is missing. Install PostgreSQL's client programs of version {atLeast} or newer (Debian: apt-get install postgresql-client).");
        return newest.Major >= atLeast ? newest.Path : throw new StorageException($"{newest.Path} is of version {newest.Major}, the server of {atLeast}: it would refuse. Install PostgreSQL's client programs of version {atLeast} or newer.");
    }

    private static async Task<string> RunAsync(string program, NpgsqlConnectionStringBuilder? to, string[] arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (to is not null)
        {
            // Never as arguments: every user of the machine can read those.
            start.Environment["PGHOST"] = to.Host;
            start.Environment["PGPORT"] = to.Port.ToString(CultureInfo.InvariantCulture);
            start.Environment["PGDATABASE"] = to.Database;
            if (to.Username is { } user) start.Environment["PGUSER"] = user;
            if (to.Password is { } password) start.Environment["PGPASSWORD"] = password;
            start.Environment["PGSSLMODE"] = to.SslMode switch { SslMode.VerifyCA => "verify-ca", SslMode.VerifyFull => "verify-full", var mode => mode.ToString().ToLowerInvariant() };
            if (to.RootCertificate is { } certificate) start.Environment["PGSSLROOTCERT"] = certificate;
        }

        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new StorageException($"{program} cannot be run: {e.Message}.", e);
        }

        using (process)
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            limit.CancelAfter(Longest);
            var (output, error) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            try
            {
                await process.WaitForExitAsync(limit.Token);
                var complaint = (await error).ReplaceLineEndings(" ").Trim();
                return process.ExitCode == 0 ? await output : throw new StorageException($"{Path.GetFileName(program)} failed, and nothing was left half done: {complaint[..Math.Min(complaint.Length, 500)]}");
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }
        }
    }
}
