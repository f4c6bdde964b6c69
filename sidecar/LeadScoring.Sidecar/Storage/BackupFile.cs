using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Sidecar.Storage;

/// <summary>What a backup holds; the entry manifest.json of its file.</summary>
internal sealed record BackupManifest
{
    internal const int CurrentFormat = 1;

    public int Format { get; init; } = CurrentFormat;

    /// <summary>Version of the program that wrote it.</summary>
    public string Program { get; init; } = "";

    /// <summary>sqlite or postgres: it can be restored into the same kind only.</summary>
    public required string Database { get; init; }

    /// <summary>Version of the database server or library that wrote it.</summary>
    public string Server { get; init; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Migrations that the database had.</summary>
    public required IReadOnlyList<string> Schema { get; init; }

    /// <summary>Rows by table, as of the moment of the backup.</summary>
    public required IReadOnlyDictionary<string, long> Rows { get; init; }

    /// <summary>Model bundles that the program could read then.</summary>
    public int ReadableModels { get; init; }

    public IReadOnlyList<BackupPart> Parts { get; init; } = [];
}

/// <param name="Sha256">Lower hex.</param>
internal sealed record BackupPart(string Name, long Bytes, string Sha256);

/// <summary>A backup is one zip: database, key file, and a manifest with the sum of each. It is written beside its place and moved there when it is whole.</summary>
internal static class BackupFile
{
    /// <summary>The database as its own program wrote it.</summary>
    internal const string DatabasePart = "database";

    /// <summary>The key that secrets in the database are sealed with.</summary>
    internal const string KeyPart = "secrets.key";

    private const string ManifestEntry = "manifest.json";
    private const string SumEntry = "manifest.sha256";
    private const int MaxManifestBytes = 1_000_000;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    /// <param name="path">Must not exist.</param>
    /// <param name="manifest">Without its parts.</param>
    /// <param name="parts">Names and where they are.</param>
    internal static async Task WriteAsync(string path, BackupManifest manifest, IReadOnlyList<(string Name, string Path)> parts, CancellationToken cancellationToken)
    {
        var beside = path + ".part";
        try
        {
            await using (var file = CreatePrivate(beside))
            {
                var sums = new List<BackupPart>();
                using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
                {
                    foreach (var (name, from) in parts)
                    {
                        await using var source = File.OpenRead(from);
                        await using var entry = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
                        sums.Add(await CopyAsync(name, source, entry, long.MaxValue, cancellationToken));
                    }

                    var json = JsonSerializer.SerializeToUtf8Bytes(manifest with { Parts = sums }, Json);
                    await PutAsync(archive, ManifestEntry, json, cancellationToken);
                    await PutAsync(archive, SumEntry, System.Text.Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(json))), cancellationToken);
                }

                file.Flush(flushToDisk: true);
            }

            File.Move(beside, path);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    /// <summary>Unpacks all parts into a folder and checks each sum on the way.</summary>
    /// <exception cref="StorageException">Not a backup, damaged, cut off, or of a newer program.</exception>
    internal static async Task<BackupManifest> ExtractAsync(string path, string folder, CancellationToken cancellationToken)
    {
        if (!File.Exists(path)) throw new StorageException($"There is no file {path}.");
        try
        {
            await using var file = File.OpenRead(path);
            using var archive = new ZipArchive(file, ZipArchiveMode.Read);
            var manifest = await ManifestAsync(archive, cancellationToken);
            foreach (var part in manifest.Parts)
            {
                // Names are known beforehand: none of the file leads anywhere.
                if (part.Name is not (DatabasePart or KeyPart)) throw Damaged($"it holds a part {part.Name} that is not known");
                var entry = archive.GetEntry(part.Name) ?? throw Damaged($"its part {part.Name} is missing");
                await using var source = await entry.OpenAsync(cancellationToken);
                await using var to = CreatePrivate(Path.Combine(folder, part.Name));
                if (await CopyAsync(part.Name, source, to, part.Bytes, cancellationToken) != part) throw Damaged($"the checksum of its part {part.Name} does not match");
            }

            return manifest.Parts.Any(p => p.Name == DatabasePart) ? manifest : throw Damaged("it holds no database");
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or EndOfStreamException)
        {
            throw Damaged("it is cut off, or no backup of this program", e);
        }
    }

    private static async Task<BackupManifest> ManifestAsync(ZipArchive archive, CancellationToken cancellationToken)
    {
        var json = await SmallAsync(archive, ManifestEntry, cancellationToken);
        if (System.Text.Encoding.ASCII.GetString(await SmallAsync(archive, SumEntry, cancellationToken)) != Convert.ToHexStringLower(SHA256.HashData(json))) throw Damaged("the checksum of its manifest does not match");
        var manifest = JsonSerializer.Deserialize<BackupManifest>(json, Json) ?? throw Damaged("its manifest is empty");
        if (manifest.Format != BackupManifest.CurrentFormat)
            throw new StorageException($"The backup has format {manifest.Format}, made by another version of the program ({manifest.Program}); this one reads format {BackupManifest.CurrentFormat}. Restore it with that version.");
        return manifest;
    }

    private static async Task<byte[]> SmallAsync(ZipArchive archive, string name, CancellationToken cancellationToken)
    {
        var entry = archive.GetEntry(name) ?? throw Damaged($"its part {name} is missing");
        if (entry.Length > MaxManifestBytes) throw Damaged($"its part {name} is too large");
        await using var source = await entry.OpenAsync(cancellationToken);
        using var to = new MemoryStream();
        await CopyAsync(name, source, to, MaxManifestBytes, cancellationToken);
        return to.ToArray();
    }

    /// <param name="most">More bytes are no part of it: reading stops there.</param>
    private static async Task<BackupPart> CopyAsync(string name, Stream from, Stream to, long most, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 18];
        var length = 0L;
        int read;
        while ((read = await from.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if ((length += read) > most) throw Damaged($"its part {name} is longer than the manifest says");
            hash.AppendData(buffer, 0, read);
            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }

        return new BackupPart(name, length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static async Task PutAsync(ZipArchive archive, string name, byte[] bytes, CancellationToken cancellationToken)
    {
        await using var to = await archive.CreateEntry(name, CompressionLevel.Fastest).OpenAsync(cancellationToken);
        await to.WriteAsync(bytes, cancellationToken);
    }

    /// <summary>For the one user alone: it holds persons' data and keys.</summary>
    internal static FileStream CreatePrivate(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }

    private static StorageException Damaged(string why, Exception? inner = null) => new($"The backup cannot be used: {why}. Take an older one; backup verify FILE tells which are whole.", inner);
}
