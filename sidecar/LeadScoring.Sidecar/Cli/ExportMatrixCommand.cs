using System.CommandLine;
using System.Globalization;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Cli;

internal static class ExportMatrixCommand
{
    internal static Command Create(Terminal terminal)
    {
        var organization = CommonOptions.ExistingOrganization();
        var output = new Option<string>("--out") { Description = "Zip to write: matrix.csv, export.json, profile.yml.", Required = true, HelpName = "FILE" };
        var command = new Command("export-matrix", "Writes the encoded training rows, for training XGBoost elsewhere (Python, Spark, Dask); the result comes back with train --external.") { organization, output };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var id = await CommonOptions.ResolveAsync(parsed, organization, app.Services, cancellationToken);
            var profile = (await app.Services.GetRequiredService<ProfileStore>().GetActiveAsync(id, cancellationToken)).Profile;
            var labeled = await app.Services.GetRequiredService<TrainingData>().BuildAsync(id, profile, null, cancellationToken);
            var path = parsed.GetValue(output)!;
            // Beside its place until it is whole: nobody takes half a matrix for a whole one.
            var part = path + ".part";
            (int Written, int HeldBack) rows;
            try
            {
                await using (var file = File.Create(part)) rows = TrainingMatrix.Write(file, labeled.Set, labeled.LeadIds, new TrainingSettings(), cancellationToken);
                File.Move(part, path, overwrite: true);
            }
            catch
            {
                File.Delete(part);
                throw;
            }

            terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{path}: {rows.Written:N0} leads to train on; {rows.HeldBack:N0} are held back to calibrate and test with."));
            return 0;
        });
        return command;
    }
}
