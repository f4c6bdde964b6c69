using System.Globalization;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Models;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Training;

/// <summary>The weekly wish for a new model.</summary>
internal sealed class WeeklyRetrain(RetrainStore wishes, DecideRetrain decide) : IOrganizationJob
{
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        await wishes.AskAsync(organizationId, RetrainCause.Weekly, "It is time.", cancellationToken);
        return await decide.RunAsync(organizationId, cancellationToken);
    }
}

/// <summary>Looks between the weeks whether a drift alarm, lost performance or many new outcomes ask for a new model.</summary>
internal sealed class CheckRetrain(DecideRetrain decide) : IOrganizationJob
{
    public Task<string> RunAsync(string organizationId, CancellationToken cancellationToken) => decide.RunAsync(organizationId, cancellationToken);
}

/// <summary>Holds the champion against what became of leads since: moves its probabilities if that is called for, and asks for a new model when it ranks worse than it did.</summary>
internal sealed class CollectOutcomes(ModelStore models, AnchorModel anchoring, ActiveModels active, RetrainStore wishes, IOptions<TrainingOptions> options) : IOrganizationJob
{
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (await models.ChampionVersionAsync(organizationId, cancellationToken) is not { } champion) return "There is no champion to hold outcomes against.";
        var (anchor, stale, recent) = await anchoring.RunAsync(organizationId, champion, cancellationToken);
        active.Forget(organizationId);
        var words = string.Create(CultureInfo.InvariantCulture,
            $"Champion {champion}, {recent.Rows:N0} matured outcomes that it has not seen: anchor {anchor.Verdict.ToString().ToLowerInvariant()}, {stale:N0} leads to rescore. {recent.Words}");
        if (recent.HasDropped(options.Value.PerformanceDrop)) await wishes.AskAsync(organizationId, RetrainCause.Performance, recent.Words, cancellationToken);
        return words;
    }
}
