using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

[RequestSizeLimit(MostBytes)]
[RequestFormLimits(MultipartBodyLengthLimit = MostBytes)]
public sealed class ImportModel : DashboardPage
{
    private const long MostBytes = 200_000_000;

    internal JsonElement? Report { get; private set; }

    public async Task<IActionResult> OnPostAsync(IFormFile? file, string kind, string? idColumn, string? label, string? positive, bool strict, string does)
    {
        if (file is null || file.Length == 0) throw new ProblemException(ProblemKind.Validation, "Choose a CSV file that is not empty.");
        await using var stream = file.OpenReadStream();
        Report = await SendAsync<JsonElement>("PostImport", new { kind, id_column = Blank(idColumn), label = Blank(label), positive = Blank(positive), strict, dry_run = does != "import" }, stream);
        return Page();
    }

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
