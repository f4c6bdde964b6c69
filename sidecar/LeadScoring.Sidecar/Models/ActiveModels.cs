using System.Collections.Concurrent;
using System.Collections.ObjectModel;
using System.Globalization;
using Dapper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Experiments;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Rules;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>What an organization is scored with.</summary>
/// <param name="Version">Version of the champion; null when rules score.</param>
/// <param name="Bundle">The champion; null when rules score.</param>
/// <param name="Explainer">Explains the champion's scores.</param>
/// <param name="Profile">The active profile: rules, actions and hours; its features are those of the model.</param>
/// <param name="WhyRules">Why rules score; null when the champion does.</param>
internal sealed record ActiveModel(int? Version, ModelBundle? Bundle, Explainer? Explainer, FeatureProfile Profile, string? WhyRules)
{
    internal FeatureExtractor Extractor { get; } = new(Profile);

    /// <summary>Champion when this was loaded, also where it cannot be used; null when there is none.</summary>
    internal int? Champion { get; init; }

    /// <summary>What the first outcomes say about the rules; null when nothing was learned, or a model scores.</summary>
    internal RulePosterior? Posterior { get; init; }

    /// <summary>When <see cref="Posterior"/> was learned, Unix ms; null when nothing was.</summary>
    internal long? LearnedAtMs { get; init; }

    /// <summary>What scores, in one word: leads scored under the same one differ by facts and time only.</summary>
    internal string Fingerprint => fingerprint ??= Bundle is null ? $"rules {Profile.RulesHash} {LearnedAtMs}" : $"model {Version} anchor {AnchorChange}";

    // Asked of a model in service only: nothing that it is made of changes after that.
    private string? fingerprint;

    /// <summary>Anchors of the champion that were in force before, by change number.</summary>
    internal IReadOnlyDictionary<int, Anchor> EarlierAnchors { get; init; } = ReadOnlyDictionary<int, Anchor>.Empty;

    /// <summary>The same model under an earlier anchor, from the fingerprint of a score; null when something else scored then.</summary>
    internal EnsembleModel? ScoredBefore(string? fingerprint)
    {
        var prefix = $"model {Version} anchor ";
        if (Bundle is null || fingerprint?.StartsWith(prefix, StringComparison.Ordinal) != true || !int.TryParse(fingerprint.AsSpan(prefix.Length), CultureInfo.InvariantCulture, out var change)) return null;
        if (change == 0) return Bundle.Model.WithAnchor(Anchor.Identity);
        return EarlierAnchors.TryGetValue(change, out var anchor) ? Bundle.Model.WithAnchor(anchor) : null;
    }

    /// <summary>The organization's own grade policy; null when it has none.</summary>
    internal ActiveGrades? Grades { get; init; }

    /// <summary>Who is drawn whatever the score.</summary>
    internal SamplingPolicy Sampling { get; init; } = new();

    /// <summary>When the organization's leads are active and how they answer; null until it is learned.</summary>
    internal ContactNorms? Norms { get; init; }

    /// <summary>Change number of the champion's anchor when this was loaded; 0 when it had none.</summary>
    internal int AnchorChange { get; init; }

    /// <summary>The trial under way; null when there is none.</summary>
    internal ModelTrial? Trial { get; init; }

    /// <summary>The version that is tried, on the champion; null when there is none, or it cannot be used: then the champion scores alone.</summary>
    internal ActiveModel? Challenger { get; init; }

    /// <summary>Whether some leads are scored by <see cref="Challenger"/>.</summary>
    internal bool IsSplit => Challenger is not null && Trial!.Kind == ModelTrial.Split;

    /// <summary>What scores a lead. In a split, a lead without a score is dealt to an arm by its id; from its first score on it stays with the model that gave it, whatever becomes of the shares. Leads that had a score before stay with the champion.</summary>
    /// <param name="leadId">The lead.</param>
    /// <param name="lead">As stored; null when it is not.</param>
    internal ActiveModel For(string leadId, StoredLead? lead)
    {
        if (!IsSplit) return this;
        var isChallengers = lead?.Latest is null ? StableHash.Unit(leadId, Trial!.Salt) < Trial.Share : lead.ModelVersion == Challenger!.Version && lead.ScoredAtMs >= Trial!.StartedAtMs;
        return isChallengers ? Challenger! : this;
    }
}

/// <summary>The champions of all organizations, loaded once and looked after: a promotion or rollback anywhere is seen within <see cref="TrustedMs"/>.</summary>
internal sealed class ActiveModels(
    ModelStore models, ModelTrialStore trials, AnchorStore anchors, RulePosteriorStore posteriors, ProfileStore profiles, GradePolicyStore grades, SamplingPolicyStore sampling, ContactNormsStore contactNorms, Database database, TimeProvider time,
    ILogger<ActiveModels> logger)
{
    /// <summary>How long a loaded model is used without asking the database for the champion.</summary>
    internal const long TrustedMs = 1_000;

    // From this age on the database is asked in the background, so that no score waits for the answer.
    private const long AskAgainMs = TrustedMs / 2;

    private readonly ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Check> checks = new(StringComparer.Ordinal);
    private long forgotten;

    /// <summary>Never fails for want of a model: what cannot be loaded is replaced by rules, with the reason.</summary>
    internal ValueTask<ActiveModel> GetAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (!entries.TryGetValue(organizationId, out var entry)) return new(CheckOnceAsync(organizationId, null).WaitAsync(cancellationToken));
        var age = time.NowMs() - entry.CheckedAtMs;
        if (age >= TrustedMs) return new(CheckPatientlyAsync(organizationId, entry, cancellationToken));
        if (age >= AskAgainMs && Interlocked.Exchange(ref entry.IsAsking, 1) == 0) _ = Task.Run(() => AskAgainAsync(organizationId, entry), CancellationToken.None);
        return new(entry.Model);
    }

    /// <summary>A database that does not answer is as good as away: what was good a second ago still scores.</summary>
    private async Task<ActiveModel> CheckPatientlyAsync(string organizationId, Entry entry, CancellationToken cancellationToken)
    {
        try
        {
            return await database.HearAsync(CheckOnceAsync(organizationId, entry), cancellationToken);
        }
        catch (TimeoutException)
        {
            return entry.Model;
        }
    }

    private async Task AskAgainAsync(string organizationId, Entry entry)
    {
        // A failure is told to those who wait for an answer, later.
        await ((Task)CheckOnceAsync(organizationId, entry)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Volatile.Write(ref entry.IsAsking, 0);
    }

    /// <summary>However many ask at once, one looks; but nobody is told what was read before a "forget".</summary>
    private Task<ActiveModel> CheckOnceAsync(string organizationId, Entry? known)
    {
        var since = Interlocked.Read(ref forgotten);
        if (checks.TryGetValue(organizationId, out var running) && running.Since == since && !running.Model.Value.IsCompleted) return running.Model.Value;
        var own = new Check(since, new Lazy<Task<ActiveModel>>(() => CheckAsync(organizationId, known, CancellationToken.None)));
        var check = checks.AddOrUpdate(organizationId, own, (_, other) => other.Since == since && !other.Model.Value.IsCompleted ? other : own);
        return check.Model.Value;
    }

    /// <summary>Forgets what is loaded, so that the next score asks the database.</summary>
    internal void Forget(string organizationId)
    {
        Interlocked.Increment(ref forgotten);
        entries.TryRemove(organizationId, out _);
    }

    private sealed record InForce
    {
        public int? Champion { get; init; }
        public int Anchor { get; init; }
        public long? LearnedAtMs { get; init; }
        public string? Trial { get; init; }
        public int ChallengerAnchor { get; init; }
    }

    /// <summary>Whether what scored is what scores, seen from inside a write and holding until it ends: the same champion under the same anchor, or the same rules, and the same trial beside it. Before any row is locked.</summary>
    internal static async Task<bool> IsCurrentAsync(WriteTransaction transaction, string organizationId, ActiveModel scored, CancellationToken cancellationToken)
    {
        const string Sql = """
            select (select version from promotions where organization_id = @organizationId order by change desc limit 1) as Champion,
                   (select coalesce(max(change), 0) from model_anchors where organization_id = @organizationId and version = @Scored) as Anchor,
                   (select learned_at_ms from rule_posteriors where organization_id = @organizationId and rules_hash = @RulesHash) as LearnedAtMs,
                   (select experiment_id from model_trials where organization_id = @organizationId) as Trial,
                   (select coalesce(max(change), 0) from model_anchors where organization_id = @organizationId and version = @Challenger) as ChallengerAnchor
            """;
        await ModelStore.HoldChampionAsync(transaction, organizationId, cancellationToken);
        var now = await transaction.Connection.QuerySingleAsync<InForce>(
            transaction.Command(Sql, new { organizationId, Scored = scored.Version ?? scored.Champion ?? 0, Challenger = scored.Challenger?.Version ?? 0, scored.Profile.RulesHash }, cancellationToken));
        return now.Champion == scored.Champion && now.Trial == scored.Trial?.ExperimentId && now.ChallengerAnchor == (scored.Challenger?.AnchorChange ?? 0) && 
            (scored.Champion is null ? now.LearnedAtMs == scored.LearnedAtMs : now.Anchor == scored.AnchorChange);
    }

    private async Task<ActiveModel> CheckAsync(string organizationId, Entry? known, CancellationToken cancellationToken)
    {
        var before = Interlocked.Read(ref forgotten);
        int? champion;
        ActiveProfile profile;
        ActiveGrades? policy;
        SamplingPolicy drawn;
        long? learnedAtMs;
        ContactNorms? norms;
        ModelAnchor? anchor, challengerAnchor;
        ModelTrial? trial;
        try
        {
            champion = await models.ChampionVersionAsync(organizationId, cancellationToken);
            profile = await profiles.GetActiveAsync(organizationId, cancellationToken);
            policy = await grades.GetAsync(organizationId, cancellationToken);
            drawn = await sampling.GetAsync(organizationId, cancellationToken);
            learnedAtMs = champion is null ? await posteriors.LearnedAtMsAsync(organizationId, profile.Profile.RulesHash, cancellationToken) : null;
            norms = await contactNorms.GetAsync(organizationId, known?.Model.Norms, cancellationToken);
            anchor = champion is { } version ? await anchors.GetAsync(organizationId, version, cancellationToken) : null;
            trial = champion is null ? null : await trials.GetAsync(organizationId, cancellationToken);
            challengerAnchor = trial is null ? null : await anchors.GetAsync(organizationId, trial.Version, cancellationToken);
        }
        catch (System.Data.Common.DbException) when (known is not null)
        {
            // The database is away: what was good a second ago still scores, and it is asked again in a second.
            known.CheckedAtMs = time.NowMs();
            return known.Model;
        }

        if (known is null || known.Model.Champion != champion || known.Model.Profile.Hash != profile.Profile.Hash || known.Model.LearnedAtMs != learnedAtMs || known.Model.AnchorChange != (anchor?.Change ?? 0))
        {
            var loaded = await LoadAsync(organizationId, champion, anchor, profile.Profile, cancellationToken);
            var posterior = loaded.Bundle is null ? await posteriors.GetAsync(organizationId, profile.Profile, cancellationToken) : null;
            known = new Entry(loaded with { Champion = champion, AnchorChange = anchor?.Change ?? 0, Posterior = posterior, LearnedAtMs = learnedAtMs, Grades = policy, Sampling = drawn, Norms = norms });
        }
        else if (known.Model.Grades?.BoundsAtMs != policy?.BoundsAtMs || known.Model.Sampling != drawn || !ReferenceEquals(known.Model.Norms, norms))
        {
            var challenger = known.Model.Challenger is { } tried ? tried with { Grades = policy, Sampling = drawn, Norms = norms } : null;
            known = new Entry(known.Model with { Grades = policy, Sampling = drawn, Norms = norms, Challenger = challenger });
        }

        if (known.Model.Trial != trial || (known.Model.Challenger is { } loadedBefore && loadedBefore.AnchorChange != (challengerAnchor?.Change ?? 0)))
            known = new Entry(await WithTrialAsync(organizationId, known.Model, trial, challengerAnchor, profile.Profile, cancellationToken));
        known.CheckedAtMs = time.NowMs();
        // What was read before somebody said "forget" may be what he meant.
        if (Interlocked.Read(ref forgotten) == before) entries[organizationId] = known;
        return known.Model;
    }

    /// <summary>The champion with the version that is tried beside it, which has to be usable, and the champion too: rules are tried against nothing.</summary>
    private async Task<ActiveModel> WithTrialAsync(string organizationId, ActiveModel champion, ModelTrial? trial, ModelAnchor? anchor, FeatureProfile profile, CancellationToken cancellationToken)
    {
        var tried = trial is null || champion.Bundle is null ? null : await LoadAsync(organizationId, trial.Version, anchor, profile, cancellationToken);
        var challenger = tried?.Bundle is null ? null : tried with { Champion = champion.Champion, AnchorChange = anchor?.Change ?? 0, Grades = champion.Grades, Sampling = champion.Sampling, Norms = champion.Norms, Trial = trial };
        return champion with { Trial = trial, Challenger = challenger };
    }

    private async Task<ActiveModel> LoadAsync(string organizationId, int? champion, ModelAnchor? anchor, FeatureProfile profile, CancellationToken cancellationToken)
    {
        if (champion is not { } version) return Rules(profile, "no model yet");
        try
        {
            var bundle = ModelBundle.Read(await models.GetBundleAsync(organizationId, version, cancellationToken));
            if (bundle.FeaturesHash != profile.FeaturesHash) return Rules(profile, $"the profile's features changed since model {version} was trained");
            if (anchor is not null) bundle = bundle with { Model = bundle.Model.WithAnchor(anchor.Read()) };
            // The active profile's rules, actions and wording over the model's features, in the model's order.
            var served = profile.Without(bundle.Manifest.LeftOutFeatures.ToHashSet(StringComparer.Ordinal));
            return new ActiveModel(version, bundle, new Explainer(bundle.Model), served, null) { EarlierAnchors = await anchors.EarlierAsync(organizationId, version, anchor?.Change ?? 0, cancellationToken) };
        }
        // A version without its row is as unreadable as a damaged one.
        catch (Exception e) when (e is BundleException or ProblemException)
        {
            ModelLog.Unreadable(logger, organizationId, version, e.Message);
            return Rules(profile, $"model {version} cannot be read");
        }
    }

    private static ActiveModel Rules(FeatureProfile profile, string why) => new(null, null, null, profile, why);

    private sealed record Check(long Since, Lazy<Task<ActiveModel>> Model);

    private sealed class Entry(ActiveModel model)
    {
        internal ActiveModel Model => model;

        internal long CheckedAtMs;

        internal int IsAsking;
    }
}

internal static partial class ModelLog
{
    [LoggerMessage(20, LogLevel.Error, "Model {Version} of {OrganizationId} cannot be read, rules score instead: {Reason}")]
    internal static partial void Unreadable(ILogger logger, string organizationId, int version, string reason);
}
