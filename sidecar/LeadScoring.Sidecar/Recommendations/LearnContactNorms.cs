using System.Globalization;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>Learns an organization's contact norms from its leads. Doing it twice does no harm: the last one stands.</summary>
internal sealed class LearnContactNorms(ProfileStore profiles, LeadStore leads, ContactNormsStore norms, IOptions<RecommendationOptions> options, TimeProvider time) : IOrganizationJob
{
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        var learner = new ContactNormsLearner((await profiles.GetActiveAsync(organizationId, cancellationToken)).Profile);
        await foreach (var lead in leads.StreamRecentAsync(organizationId, options.Value.LeadsToLearnFrom, cancellationToken)) learner.Add(lead.Snapshot);
        var result = learner.Result(time.NowMs());
        await norms.SetAsync(organizationId, result, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"Learned from {result.Leads:N0} leads.");
    }
}
