using System.Diagnostics;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Loads all champions and scores an empty lead a few hundred times, so that the first real score is as fast as the next. Ready afterwards.</summary>
internal sealed class WarmUp(OrganizationStore organizations, ActiveModels models, LeadScorer scorer, TimeProvider time) : BackgroundService
{
    // Enough calls for the runtime to compile the hot path anew; bounded in time for slow machines.
    private const int Scores = 300;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private volatile bool isDone;

    internal string? WhyNotReady => isDone ? null : "models are being loaded";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var clock = Stopwatch.StartNew();
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue>(), new ActivityState());
        foreach (var organizationId in await organizations.ListAsync(stoppingToken))
        {
            var active = await models.GetAsync(organizationId, stoppingToken);
            for (var i = 0; i < Scores && clock.Elapsed < Longest; i++) scorer.Score(active, lead, time.NowMs(), quick: false, withFactors: i % 10 == 0);
        }

        isDone = true;
    }
}
