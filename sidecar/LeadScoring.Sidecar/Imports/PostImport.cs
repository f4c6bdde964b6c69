using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Imports;

internal static class PostImport
{
    private static readonly string[] MediaTypes = ["text/csv", "application/csv", "text/plain", "text/tab-separated-values", "application/octet-stream", "application/vnd.ms-excel"];

    internal static async Task<Ok<ImportReport>> HandleAsync(
        HttpRequest request,
        Caller caller,
        CsvImport import,
        IOptions<StorageOptions> storage,
        CancellationToken cancellationToken,
        [Description("leads, events or outcomes.")] string? kind = null,
        [Description("Only look: rows, columns, faults, duplicates. Stores nothing.")] bool dry_run = false,
        [Description("Store nothing when any row is bad.")] bool strict = false,
        [Description("Import a file once more that was imported to its end before.")] bool again = false,
        [Description("Column with the lead id; default: found by its usual names.")] string? id_column = null,
        [Description("Leads only: column that says whether the lead converted.")] string? label = null,
        [Description("Value of the label column that means converted.")] string? positive = null,
        [Description("Other names for columns, as a JSON object of the file's name to the name here, such as {\"Kundennr\":\"lead_id\",\"Notes\":\"\"}; blank leaves a column out.")] string? map = null)
    {
        if (!Enum.TryParse<ImportKind>(kind, ignoreCase: true, out var parsed) || !Enum.IsDefined(parsed)) throw ProblemException.Invalid("?kind", "kind is leads, events or outcomes.");
        var mediaType = request.ContentType?.Split(';')[0].Trim().ToLowerInvariant();
        if (mediaType is null || !MediaTypes.Contains(mediaType)) throw new ProblemException(ProblemKind.UnsupportedMediaType, "Send the file as the body, with the header Content-Type: text/csv.");
        var names = Names(map);
        var path = Path.Combine(Directory.CreateDirectory(UploadFolder(storage.Value)).FullName, $"import-{Guid.NewGuid():N}.csv");
        try
        {
            // To disk first: the file is read twice (encoding, then rows), and a slow sender must not hold a transaction open.
            await using (var file = File.Create(path)) await request.Body.CopyToAsync(file, cancellationToken);
            var mapping = new ImportMapping(parsed, id_column, label, positive, names);
            return TypedResults.Ok(await import.RunAsync(new ImportRequest(caller.OrganizationId, path, mapping, dry_run, strict, again), null, cancellationToken));
        }
        catch (CsvException e)
        {
            throw ProblemException.Invalid("", e.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static Dictionary<string, string>? Names(string? map)
    {
        if (map is null) return null;
        try
        {
            var names = JsonSerializer.Deserialize<Dictionary<string, string?>>(map) ?? [];
            return names.ToDictionary(n => n.Key.Trim(), n => n.Value?.Trim() ?? "", StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw ProblemException.Invalid("?map", "map is a JSON object of column names to other names, such as {\"Kundennr\":\"lead_id\",\"Notes\":\"\"}; each column once.");
        }
    }

    /// <summary>Uploads and training matrices hold personal data; those of a process that was killed must not stay.</summary>
    internal static void DeleteLeftovers(StorageOptions storage)
    {
        if (Directory.Exists(storage.Data))
        {
            foreach (var path in Directory.EnumerateFiles(storage.Data, "matrix-*.tmp")) File.Delete(path);
        }

        if (!Directory.Exists(UploadFolder(storage))) return;
        foreach (var path in Directory.EnumerateFiles(UploadFolder(storage), "import-*.csv")) File.Delete(path);
    }

    private static string UploadFolder(StorageOptions storage) => Path.Combine(storage.Data, "tmp");
}
