using LeadScoring.Ml.Recommendation;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>Learns each organization's contact norms from its leads, from time to time. Doing it twice does no harm: the last one stands.</summary>
internal sealed class LearnContactNorms(
    OrganizationStore organizations, ProfileStore profiles, LeadStore leads, ContactNormsStore norms, IOptions<RecommendationOptions> options, TimeProvider time,
    ILogger<LearnContactNorms> logger) : BackgroundService
{
    // Not in the way of a start.
    private static readonly TimeSpan FirstWait = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Wait = TimeSpan.FromMinutes(10);

    /// <summary>Learns those that are due; how many.</summary>
    internal async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var learned = await norms.LearnedAsync(cancellationToken);
        var due = 0;
        foreach (var organizationId in await organizations.ListAsync(cancellationToken))
        {
            if (learned.TryGetValue(organizationId, out var atMs) && time.NowMs() - atMs < options.Value.LearnEvery.TotalMilliseconds) continue;
            await LearnAsync(organizationId, cancellationToken);
            due++;
        }

        return due;
    }

    internal async Task<ContactNorms> LearnAsync(string organizationId, CancellationToken cancellationToken)
    {
        var learner = new ContactNormsLearner((await profiles.GetActiveAsync(organizationId, cancellationToken)).Profile);
        await foreach (var lead in leads.StreamRecentAsync(organizationId, options.Value.LeadsToLearnFrom, cancellationToken)) learner.Add(lead.Snapshot);
        var result = learner.Result(time.NowMs());
        await norms.SetAsync(organizationId, result, cancellationToken);
        return result;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.LearnHere) return;
        for (var wait = FirstWait; !stoppingToken.IsCancellationRequested; wait = Wait)
        {
            try
            {
                await Task.Delay(wait, time, stoppingToken);
                await RunOnceAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Old norms are better than a stopped service; it is tried again.
                RecommendationLog.LearningFailed(logger, e.GetType().Name, e.StackTrace ?? "");
            }
        }
    }
}

internal static partial class RecommendationLog
{
    [LoggerMessage(60, LogLevel.Error, "Contact norms could not be learned and will be tried again: {Failure} {Stack}")]
    internal static partial void LearningFailed(ILogger logger, string failure, string stack);
}
