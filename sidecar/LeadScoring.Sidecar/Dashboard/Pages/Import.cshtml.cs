using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

[RequestSizeLimit(MostBytes)]
[RequestFormLimits(MultipartBodyLengthLimit = MostBytes, ValueCountLimit = MostFields)]
public sealed class ImportModel : DashboardPage
{
    private const long MostBytes = 200_000_000;

    // Two for each column that a file may have, and those of the form.
    private const int MostFields = 10_100;

    private static readonly Dictionary<string, string[]> Names = new()
    {
        ["leads"] = ["lead_id", "created_at", "outcome_at"], ["events"] = ["lead_id", "event_id", "type", "source", "occurred_at"],
        ["outcomes"] = ["lead_id", "converted", "occurred_at", "as_of", "revenue", "stage", "source", "final"],
    };

    internal JsonElement? Report { get; private set; }

    internal JsonElement Imports { get; private set; }

    /// <summary>Names that columns of such a file are read by.</summary>
    internal IReadOnlyList<string> Known { get; private set; } = [];

    public async Task OnGetAsync()
    {
        if (May(ApiScope.Write)) Imports = await GetAsync<JsonElement>("ListImports");
    }

    /// <summary>The list of imports alone, asked for again and again while one runs.</summary>
    public async Task<IActionResult> OnGetProgressAsync()
    {
        Imports = await GetAsync<JsonElement>("ListImports");
        return Partial("_Imports", this);
    }

    public async Task<IActionResult> OnPostAsync(IFormFile? file, string kind, string? idColumn, string? label, string? positive, bool strict, string does)
    {
        if (file is null || file.Length == 0) throw new ProblemException(ProblemKind.Validation, "Choose a CSV file that is not empty.");
        await using var stream = file.OpenReadStream();
        Report = await SendAsync<JsonElement>("PostImport", new { kind, id_column = Blank(idColumn), label = Blank(label), positive = Blank(positive), strict, dry_run = does != "import", map = Map() }, stream);
        var profile = (await HttpContext.RequestServices.GetRequiredService<ProfileStore>().GetActiveAsync(Caller.OrganizationId, HttpContext.RequestAborted)).Profile;
        Known = [.. Names.GetValueOrDefault(kind, []), .. kind == "leads" ? profile.Features.SelectMany(f => f.Sources).Where(s => !s.IsActivity).Select(s => s.Name).Distinct() : []];
        if (IsFragment) return Partial("_ImportReport", this);
        Imports = await GetAsync<JsonElement>("ListImports");
        return Page();
    }

    /// <summary>What was written beside the columns, of those that are to be read as something else.</summary>
    private string? Map()
    {
        var names = Request.Form.Where(f => f.Key.StartsWith("col.", StringComparison.Ordinal))
            .Select(f => (Column: f.Value.ToString(), As: Request.Form["as." + f.Key["col.".Length..]].ToString().Trim())).Where(n => n.As != n.Column).ToDictionary(n => n.Column, n => n.As);
        return names.Count == 0 ? null : JsonSerializer.Serialize(names);
    }

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
