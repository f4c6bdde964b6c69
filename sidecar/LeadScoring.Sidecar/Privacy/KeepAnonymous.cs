using System.Security.Cryptography;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>What an erasure may leave of a lead: a training row without its person, and the figures that the business report counts.</summary>
internal sealed class KeepAnonymous(LeadStore leads, ProfileStore profiles, TimeProvider time)
{
    /// <summary>What is common among the organization's leads, as they are now.</summary>
    internal async Task<(FeatureProfile Profile, Crowd Crowd)> ReadCrowdAsync(string organizationId, CancellationToken cancellationToken)
    {
        var profile = (await profiles.GetActiveAsync(organizationId, cancellationToken)).Profile;
        var (extractor, nowMs, values) = (new FeatureExtractor(profile), time.NowMs(), new List<FeatureValue[]>());
        await foreach (var lead in leads.StreamRecentAsync(organizationId, Crowd.MostLeads, cancellationToken)) values.Add(extractor.Extract(lead.Snapshot, nowMs));
        return (profile, new Crowd(profile, values));
    }

    /// <summary>Of each of the person's leads what may stay, before they go: nothing of one whose outcome teaches nothing yet, or who objected to profiling.</summary>
    internal async Task<IReadOnlyList<AnonymousLead>> ReadAsync(WriteTransaction transaction, ErasedPerson person, FeatureProfile profile, Crowd crowd, CancellationToken cancellationToken)
    {
        var kept = new List<AnonymousLead>();
        var extractor = new FeatureExtractor(profile);
        foreach (var leadId in person.LeadIds)
        {
            if (await FindAsync(transaction, person.OrganizationId, leadId, cancellationToken) is not { } lead || ProfilingConsent.IsRefused(lead.Snapshot)) continue;
            if (await OutcomeStore.FindLabelAsync(transaction, person.OrganizationId, leadId, cancellationToken) is not { } label) continue;
            var events = await EventStore.ReadAsync(transaction, person.OrganizationId, leadId, cancellationToken);
            var asOfMs = TrainingData.DecisionMoment(label, lead.Snapshot, events);
            if (LabelMaturity.Of(label.Converted, label.OccurredAtMs, label.IsFinal, label.Stage, asOfMs, profile, time.NowMs()) == MaturedLabel.Waiting) continue;
            var values = extractor.Extract(lead.Snapshot with { Activity = ActivityState.Replay(events, asOfMs) }, asOfMs);
            var decided = await DecidedLeads.FindAsync(transaction, person.OrganizationId, leadId, cancellationToken);
            kept.Add(new AnonymousLead
            {
                AnonymousId = $"anon_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}", Features = crowd.Write(values, person.LeadIds.Count),
                DecidedMs = MonthOf(asOfMs), Days = Days(asOfMs, label.OccurredAtMs), Converted = label.Converted, Revenue = TwoDigits(label.Revenue),
                ScoredMs = decided is null ? null : MonthOf(decided.ScoredAtMs), ScoredDays = decided is null ? null : Days(decided.ScoredAtMs, label.OccurredAtMs), Score = decided is null ? null : Math.Round(decided.Score),
                Grade = decided?.Grade, Probability = decided is null ? null : Math.Round(decided.Probability, 2), ModelVersion = decided?.ModelVersion,
            });
        }

        return kept;
    }

    private static async Task<StoredLead?> FindAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {StoredLead.Columns} from leads where organization_id = @organizationId and lead_id = @leadId";
        await using var rows = await transaction.Connection.ExecuteReaderAsync(transaction.Command(Sql, new { organizationId, leadId }, cancellationToken));
        return await rows.ReadAsync(cancellationToken) ? StoredLead.Read(rows) : null;
    }

    private static long MonthOf(long ms)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(ms);
        return new DateTimeOffset(at.Year, at.Month, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
    }

    private static int Days(long fromMs, long toMs) => (int)Math.Min(int.MaxValue, (toMs - fromMs + ActivityState.DayMs - 1) / ActivityState.DayMs);

    /// <summary>Prices of homes stand in public registers, to the cent.</summary>
    private static double? TwoDigits(double? amount)
    {
        if (amount is not { } exact || exact == 0 || !double.IsFinite(exact)) return amount;
        var unit = Math.Pow(10, Math.Floor(Math.Log10(Math.Abs(exact))) - 1);
        return Math.Round(exact / unit) * unit;
    }
}
