using System.Data.Common;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Leads;

/// <summary>A lead as stored, ready for feature extraction.</summary>
/// <param name="Revision">Grows with every change; remember it with a score and hand it to <see cref="LeadStore.SetScores"/>.</param>
/// <param name="ScoredAtMs">When it was last scored; null before the first time.</param>
/// <param name="ModelVersion">Model of that score; null when rules scored it.</param>
/// <param name="Latest">That score; null before the first time.</param>
/// <param name="Slice">What it was drawn for when it was first scored; null when nothing was drawn then, or it was not scored yet.</param>
internal sealed record StoredLead(string LeadId, long Revision, LeadSnapshot Snapshot, long UpdatedAtMs, bool IsStale, long? ScoredAtMs, int? ModelVersion, StoredLatest? Latest, LeadSlice? Slice = null)
{
    internal const string Columns = "lead_id, revision, attributes, activity, created_at_ms, updated_at_ms, is_stale, scored_at_ms, model_version, score, grade, scored_with, scored_revision, slice, slice_probability";

    /// <summary>Reads the row of a query for <see cref="Columns"/>. What is the same as in a lead that was read before is taken from there.</summary>
    internal static StoredLead Read(DbDataReader row, Func<string, StoredLead?>? known = null) => Read(row, row.GetString(0), row.GetInt64(1), known);

    private static StoredLead Read(DbDataReader row, string leadId, long revision, Func<string, StoredLead?>? known) => new(
        leadId,
        revision,
        known?.Invoke(leadId) is { } before && before.Revision == revision
            ? before.Snapshot
            : new LeadSnapshot(LeadAttributes.Values(row.GetString(2)), ActivityState.FromBytes(row.GetFieldValue<byte[]>(3)), row.IsDBNull(4) ? null : row.GetInt64(4)),
        row.GetInt64(5),
        row.GetInt64(6) != 0,
        row.IsDBNull(7) ? null : row.GetInt64(7),
        row.IsDBNull(8) ? null : row.GetInt32(8),
        row.IsDBNull(9) ? null : new StoredLatest(row.GetDouble(9), row.GetString(10)[0], row.IsDBNull(11) ? null : row.GetString(11), row.IsDBNull(12) ? null : row.GetInt64(12)),
        row.IsDBNull(13) ? null : LeadSlice.Of(row.GetString(13), row.GetDouble(14)));

    /// <summary>What it was drawn for, or is drawn for now that it is scored for the first time.</summary>
    internal LeadSlice? SliceBy(SamplingPolicy policy) => Slice ?? (ScoredAtMs is null ? policy.Draw(LeadId) : null);
}

/// <summary>The latest score of a stored lead: what the next one is compared with.</summary>
/// <param name="Score">0.1 to 99.9.</param>
/// <param name="Grade">A, B, C or D.</param>
/// <param name="ScoredWith">What scored, in one word; null when that is not known.</param>
/// <param name="Revision">Revision of the lead that was scored; null when that is not known.</param>
internal sealed record StoredLatest(double Score, char Grade, string? ScoredWith, long? Revision);

/// <summary>A change of a lead's attributes.</summary>
/// <param name="Attributes">Name to JSON text; null removes the attribute; what is not named stays.</param>
/// <param name="CreatedAtMs">When the lead came into the pipeline; null leaves what is known.</param>
internal sealed record LeadWrite(string LeadId, IReadOnlyDictionary<string, string?> Attributes, long? CreatedAtMs = null);

/// <summary>What became of a <see cref="LeadWrite"/>.</summary>
public enum LeadWriteStatus
{
    /// <summary>The lead is new.</summary>
    Created,

    /// <summary>Something changed; the lead will be scored again.</summary>
    Updated,

    /// <summary>Everything was known already.</summary>
    Unchanged,

    /// <summary>Not stored.</summary>
    Rejected,
}

/// <summary>A lead's latest score, as it stands on the lead.</summary>
/// <param name="Revision">Revision that takes the lead off the queue: the one that was scored; negative when the score is out of date already: the lead goes on the queue.</param>
/// <param name="ScoredRevision">Revision of the lead that was scored.</param>
/// <param name="ScoredWith">What scored, in one word.</param>
/// <param name="Exclusion">Exclusion that held; null when none did.</param>
internal sealed record LatestScore(
    string LeadId, long Revision, long ScoredRevision, double Score, char Grade, double Probability, double Confidence, int? ModelVersion, string ScoredBy, string? ScoredWith, long ScoredAtMs, string? Exclusion)
{
    /// <summary>What the lead was drawn for, if nothing stands on it yet; null when nothing is drawn.</summary>
    internal LeadSlice? Slice { get; init; }
}
