using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Sync;

internal static class PostSync
{
    internal static Task<Accepted<PostJobRun.Response>> HandleAsync(
        string name, Caller caller, ConnectorAccounts accounts, JobSchedules schedules, JobScheduler scheduler, JobRunStore runs, CancellationToken cancellationToken)
    {
        ListConnectors.Find(accounts, caller, name);
        // The job does all accounts of the organization: what did not change costs a request or two.
        return PostJobRun.HandleAsync(SyncConnectors.Job, caller, schedules, scheduler, runs, cancellationToken);
    }
}
