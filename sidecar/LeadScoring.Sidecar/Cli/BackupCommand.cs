using System.CommandLine;
using System.Globalization;
using System.Reflection;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Cli;

/// <summary>Backup and restore. None of them touches the schema: a backup before an upgrade is of the database as it is.</summary>
internal static class BackupCommand
{
    internal static Command Create(Terminal terminal)
    {
        var to = new Option<string?>("--to") { Description = "File to write; must not exist.", HelpName = "FILE" };
        var command = new Command("backup", "Writes the database with its models, and the key of its secrets, into one file, beside a running service. The file holds persons' data: keep it as you keep the database.") { to };
        command.Subcommands.Add(CreateVerify(terminal));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(to) is not { } file) throw new StorageException("Name the file to write with --to.");
            var path = Path.GetFullPath(file);
            if (File.Exists(path)) throw new StorageException($"{path} is there already. A backup is never overwritten: name another file.");
            await using var app = CommonOptions.CreateBuilder(parsed).Build();
            var options = app.Services.GetRequiredService<IOptions<StorageOptions>>().Value;
            await InFolderAsync(Path.GetDirectoryName(path)!, async folder =>
            {
                var database = Path.Combine(folder, BackupFile.DatabasePart);
                var manifest = await DatabaseCopy.Of(options, app.Services.GetRequiredService<Database>()).WriteAsync(database, cancellationToken);
                manifest = manifest with
                {
                    CreatedAt = app.Services.GetRequiredService<TimeProvider>().GetUtcNow(),
                    Program = typeof(BackupCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0",
                };
                var key = app.Services.GetRequiredService<SecretBox>().Path;
                List<(string, string)> parts = [(BackupFile.DatabasePart, database)];
                if (File.Exists(key)) parts.Add((BackupFile.KeyPart, key));
                await BackupFile.WriteAsync(path, manifest, parts, cancellationToken);
                terminal.Line(Describe(path, manifest));
                if (parts.Count == 1) terminal.Line($"There is no {key}: secrets of webhooks, if there are any, cannot be read after a restore without it.");
            });
            return 0;
        });
        return command;
    }

    internal static Command CreateRestore(Terminal terminal)
    {
        var from = new Option<string>("--from") { Description = "Backup to restore.", Required = true, HelpName = "FILE" };
        var command = new Command("restore", "Makes database and key file from a backup where there are none yet: wholly, or not at all. Stop the service before.") { from };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = CommonOptions.CreateBuilder(parsed).Build();
            var options = app.Services.GetRequiredService<IOptions<StorageOptions>>().Value;
            var database = app.Services.GetRequiredService<Database>();
            var copy = DatabaseCopy.Of(options, database);
            await copy.RequireEmptyAsync(cancellationToken);
            var key = app.Services.GetRequiredService<SecretBox>().Path;
            // In the folder of the database: what is whole there needs a name only.
            var place = database.IsPostgres ? Directory.CreateDirectory(options.Data).FullName : Path.GetDirectoryName(database.Setting)!;
            await InFolderAsync(place, async folder =>
            {
                var manifest = await ReadAsync(parsed.GetValue(from)!, folder, copy, cancellationToken);
                var brought = Path.Combine(folder, BackupFile.KeyPart);
                var placesKey = File.Exists(brought) && !File.Exists(key);
                if (File.Exists(brought) && File.Exists(key) && !File.ReadAllBytes(brought).AsSpan().SequenceEqual(File.ReadAllBytes(key)))
                    throw new StorageException($"{key} is there already and is another key than the backup's. Move it away, and restore again.");
                if (placesKey) await PlaceAsync(brought, key, cancellationToken);
                try
                {
                    await copy.RestoreAsync(Path.Combine(folder, BackupFile.DatabasePart), manifest, cancellationToken);
                }
                catch when (placesKey)
                {
                    File.Delete(key);
                    throw;
                }

                terminal.Line(Describe("Restored", manifest));
            });
            return 0;
        });
        return command;
    }

    private static Command CreateVerify(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "Backup to check." };
        var command = new Command("verify", "Restores a backup into a place of its own, checks it against its manifest and removes it again. For PostgreSQL with a user who may make a database.") { file };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = CommonOptions.CreateBuilder(parsed).Build();
            var options = app.Services.GetRequiredService<IOptions<StorageOptions>>().Value;
            var copy = DatabaseCopy.Of(options, app.Services.GetRequiredService<Database>());
            await InFolderAsync(Path.GetDirectoryName(Path.GetFullPath(parsed.GetValue(file)!))!, async folder =>
            {
                var manifest = await ReadAsync(parsed.GetValue(file)!, folder, copy, cancellationToken);
                var left = await copy.VerifyAsync(Path.Combine(folder, BackupFile.DatabasePart), manifest, folder, cancellationToken);
                terminal.Line(Describe("Whole", manifest));
                if (left is not null) terminal.Line(left);
            });
            return 0;
        });
        return command;
    }

    private static async Task<BackupManifest> ReadAsync(string file, string folder, DatabaseCopy copy, CancellationToken cancellationToken)
    {
        var manifest = await BackupFile.ExtractAsync(Path.GetFullPath(file), folder, cancellationToken);
        if (manifest.Database != copy.Kind) throw new StorageException($"This is a backup of {manifest.Database}, and LEADSCORING__DATABASE names {copy.Kind}. Name a database of the same kind.");
        var known = Migrator.Scripts(copy.Kind).Select(s => s.Name).ToHashSet(StringComparer.Ordinal);
        if (manifest.Schema.Where(s => !known.Contains(s)).ToArray() is { Length: > 0 } newer)
            throw new StorageException($"The backup was made by a newer version ({manifest.Program}; it has {string.Join(", ", newer)}). Restore it with that version.");
        return manifest;
    }

    /// <summary>The file under its name, readable by one user; whole when it has the name.</summary>
    private static async Task PlaceAsync(string from, string to, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        var beside = to + ".part";
        await using (var file = BackupFile.CreatePrivate(beside)) await file.WriteAsync(await File.ReadAllBytesAsync(from, cancellationToken), cancellationToken);
        File.Move(beside, to, overwrite: false);
    }

    /// <summary>Work with a folder that is gone afterwards, whatever happens; nobody else can look into it.</summary>
    private static async Task InFolderAsync(string beside, Func<string, Task> work)
    {
        if (!Directory.Exists(beside)) throw new StorageException($"There is no folder {beside}.");
        var folder = Path.Combine(beside, ".leadscoring-" + Guid.NewGuid().ToString("N"));
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            await work(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Describe(string what, BackupManifest manifest) => string.Create(CultureInfo.InvariantCulture,
        $"{what}: {manifest.Database}, schema {manifest.Schema[^1].Split('_')[0]}, {manifest.Rows.GetValueOrDefault("leads"):N0} leads, {manifest.Rows.GetValueOrDefault("events"):N0} events, {manifest.ReadableModels} models, as of {manifest.CreatedAt:yyyy-MM-dd HH:mm:ss} UTC.");
}
