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
        return PostJobRun.RequestAsync(SyncConnectors.Job, part: name, caller, schedules, scheduler, runs, cancellationToken);
    }
}
