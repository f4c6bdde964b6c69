using System.Globalization;
using CsvHelper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

internal static class GetTrainingData
{
    internal static async Task HandleAsync(HttpContext http, Caller caller, TrainingData data, ProfileStore profiles, AuditLog audit, Database database, CancellationToken cancellationToken)
    {
        var profile = (await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)).Profile;
        var labeled = await data.BuildAsync(caller.OrganizationId, profile, null, cancellationToken);
        await audit.AppendAsync(database, caller.OrganizationId, AuditKind.Exported, "training data", new { leads = labeled.LeadIds.Count }, cancellationToken);
        http.Response.ContentType = "text/csv; charset=utf-8";
        http.Response.Headers.ContentDisposition = "attachment; filename=\"training-data.csv\"";
        await using var writer = new StreamWriter(http.Response.Body);
        await using var csv = new CsvWriter(writer, CultureInfo.InvariantCulture);
        string[] header = ["lead_id", "as_of", "converted", .. profile.Features.Select(f => f.Name)];
        foreach (var name in header) csv.WriteField(SpreadsheetCell.Harmless(name));
        await csv.NextRecordAsync();
        for (var row = 0; row < labeled.LeadIds.Count; row++)
        {
            csv.WriteField(SpreadsheetCell.Harmless(labeled.LeadIds[row]));
            csv.WriteField(MomentConverter.Text(Moment.Of(labeled.Set.AsOfMs![row])));
            csv.WriteField(labeled.Set.Labels[row] == 1 ? "1" : "0");
            for (var f = 0; f < profile.Features.Count; f++) csv.WriteField(Text(labeled.Set.Row(row)[f]));
            await csv.NextRecordAsync();
            if (row % 1_000 == 0) await writer.FlushAsync(cancellationToken);
        }
    }

    private static string Text(FeatureValue value) => value.Level is { } level ? SpreadsheetCell.Harmless(level) : value.IsMissing ? "" : value.Number.ToString("R", CultureInfo.InvariantCulture);
}
