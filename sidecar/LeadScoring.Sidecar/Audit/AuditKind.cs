namespace LeadScoring.Sidecar.Audit;

/// <summary>What was done. Part of the API: exports are searched by these, so none is renamed.</summary>
internal static class AuditKind
{
    internal const string OrganizationCreated = "organization.created";
    internal const string KeyCreated = "key.created";
    internal const string KeyRotated = "key.rotated";
    internal const string KeyRevoked = "key.revoked";

    /// <summary>First use of a key on a day (UTC).</summary>
    internal const string KeyUsed = "key.used";

    internal const string SignedIn = "dashboard.signed_in";

    /// <summary>Refusals of a minute, counted.</summary>
    internal const string AccessRefused = "access.refused";

    internal const string ProfileChanged = "profile.changed";
    internal const string GradesChanged = "grades.changed";
    internal const string GatesChanged = "gates.changed";
    internal const string SamplingChanged = "sampling.changed";
    internal const string ModelAdded = "model.added";
    internal const string ModelImported = "model.imported";
    internal const string ModelPromoted = "model.promoted";
    internal const string AliasMoved = "model.alias_moved";
    internal const string ExperimentStarted = "experiment.started";
    internal const string ExperimentEnded = "experiment.ended";
    internal const string OverrideSet = "override.set";
    internal const string OverrideRemoved = "override.removed";

    /// <summary>Subject is the id of the receipt, never the lead.</summary>
    internal const string LeadErased = "lead.erased";

    /// <summary>The same, and a row without the person was kept.</summary>
    internal const string LeadAnonymized = "lead.anonymized";

    /// <summary>The person of an erasure may come in again; subject is the id of the receipt.</summary>
    internal const string ErasureLifted = "erasure.lifted";

    internal const string ScheduleChanged = "schedule.changed";

    internal const string WebhookCreated = "webhook.created";
    internal const string WebhookChanged = "webhook.changed";
    internal const string WebhookRemoved = "webhook.removed";
    internal const string WebhookSecretRotated = "webhook.secret_rotated";

    /// <summary>Subject names what went out.</summary>
    internal const string Exported = "data.exported";

    internal const string BackupMade = "backup.made";
    internal const string BackupRestored = "backup.restored";

    /// <summary>The old end of the chain was removed; detail names the last row that went.</summary>
    internal const string ChainCut = "audit.cut";

    /// <summary>The newest row before this one was not sealed with the key in use: another key file, or somebody was at the database.</summary>
    internal const string SealBroken = "audit.seal_broken";
}
