using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Training;

internal static class GetTrainingMatrix
{
    internal static async Task<FileStreamHttpResult> HandleAsync(Caller caller, TrainingData data, ProfileStore profiles, AuditLog audit, Database database, IOptions<StorageOptions> storage, CancellationToken cancellationToken)
    {
        var profile = (await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)).Profile;
        var labeled = await data.BuildAsync(caller.OrganizationId, profile, null, cancellationToken);
        // A file, not memory: the matrix of a large organization has gigabytes. Gone when it is closed, or when the process dies.
        var file = new FileStream(
            Path.Combine(storage.Value.Data, $"matrix-{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 81920, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        try
        {
            await Task.Run(() => TrainingMatrix.Write(file, labeled.Set, labeled.LeadIds, new TrainingSettings(), cancellationToken), cancellationToken);
        }
        catch (TrainingException e)
        {
            await file.DisposeAsync();
            throw new ProblemException(ProblemKind.Conflict, e.Message);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }

        await audit.AppendAsync(database, caller.OrganizationId, AuditKind.Exported, "training matrix", new { leads = labeled.LeadIds.Count }, cancellationToken);
        file.Position = 0;
        return TypedResults.File(file, "application/zip", "training-matrix.zip");
    }
}
