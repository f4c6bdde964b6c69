using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

/// <summary>Looks at what became of leads since a model was trained, and moves its probabilities to the present base rate if that is called for.</summary>
internal sealed class AnchorModel(TrainingData data, ProfileStore profiles, ModelStore models, AnchorStore anchors, Database database, TimeProvider time)
{
    // Outcomes that are walked through, the newest: a bound on the time that an anchor takes. How many of them count is found by the walk.
    private const int MostRows = 20_000;

    /// <exception cref="ProblemException">There is no such version, it cannot be read, or it was made for another profile.</exception>
    internal async Task<(Anchor Anchor, int LeadsToRescore, RecentRanking Recent)> RunAsync(string organizationId, int version, CancellationToken cancellationToken)
    {
        ModelBundle bundle;
        try
        {
            bundle = ModelBundle.Read(await models.GetBundleAsync(organizationId, version, cancellationToken));
        }
        catch (BundleException e)
        {
            throw new ProblemException(ProblemKind.Conflict, e.Message);
        }

        var profile = (await profiles.GetActiveAsync(organizationId, cancellationToken)).Profile;
        if (bundle.FeaturesHash != profile.FeaturesHash) throw new ProblemException(ProblemKind.Conflict, $"Model {version} was made for other features than those of the active profile.");
        var labeled = await data.BuildAsync(organizationId, profile, null, cancellationToken, bundle.Manifest.Evaluation?.IsCorrectedForEffort == true);
        var (anchor, recent) = Decide(bundle, labeled);
        var stale = await database.WriteAsync(async transaction =>
        {
            await anchors.AddAsync(transaction, organizationId, version, anchor, AnchorStore.FromOutcomes, cancellationToken);
            return await ModelStore.ChampionVersionAsync(transaction, organizationId, cancellationToken) == version
                ? (int)(await RescoringRunStore.StartAsync(transaction, organizationId, RescoringReason.Anchor, time.NowMs(), cancellationToken)).Total
                : 0;
        }, cancellationToken);
        return (anchor, stale, recent);
    }

    /// <summary>Outcomes decided after the training's window, of leads that had their whole horizon: the model has not seen them, and none is missing for being young.</summary>
    private static (Anchor Anchor, RecentRanking Recent) Decide(ModelBundle bundle, LabeledSet labeled)
    {
        var asOf = labeled.Set.AsOfMs!;
        var model = bundle.Model.WithAnchor(Anchor.Identity);
        var set = labeled.Set.WithFeatures(model.Profile);
        int[] recent =
        [
            .. set.UsableRows.Where(r => asOf[r] <= labeled.Facts.MatureUntilMs && asOf[r] > (bundle.Manifest.WindowToMs ?? bundle.Manifest.TrainedAtMs))
                .OrderBy(r => asOf[r]).ThenBy(r => r).TakeLast(MostRows),
        ];
        var young = labeled.Young.WithFeatures(model.Profile);
        var trainingRate = bundle.Manifest.OutOfFold is { Ensemble: { Rows: > 0 } e } ? e.BaseRate : double.NaN;
        if (!(trainingRate is > 0 and < 1)) throw new ProblemException(ProblemKind.Conflict, "The bundle does not say which base rate it was calibrated for; train anew.");
        var probabilities = Array.ConvertAll(recent, r => model.Score(set.Row(r)).Probability);
        var labels = Array.ConvertAll(recent, r => set.Labels[r]);
        var anchor = Reanchoring.Decide(
            new MaturedOutcomes(probabilities, labels) { Moments = Array.ConvertAll(recent, r => asOf[r]), LagMs = model.Profile.HorizonDays * ActivityState.DayMs, Intervals = model.Certainty.Intervals },
            [.. Enumerable.Range(0, young.Rows).Select(r => model.Score(young.Row(r)).Probability)], trainingRate, bundle.Manifest.Settings.Seed);
        var trained = bundle.Manifest.Evaluation?.Forward ?? bundle.Manifest.Evaluation?.Stratified;
        return (anchor, RecentRanking.Of(probabilities, labels, trained?.Metrics.RocAuc ?? double.NaN, set.WeightsOf(recent)));
    }
}

internal static class PostAnchor
{
    /// <param name="Anchor">What is in force from now on.</param>
    /// <param name="LeadsToRescore">Open leads that are scored anew in the background; 0 when the version is not the champion.</param>
    public sealed record Response(int Version, Anchor Anchor, int LeadsToRescore);

    internal static async Task<Ok<Response>> HandleAsync(int version, Caller caller, AnchorModel anchoring, ActiveModels active, CancellationToken cancellationToken)
    {
        var (anchor, stale, _) = await anchoring.RunAsync(caller.OrganizationId, version, cancellationToken);
        active.Forget(caller.OrganizationId);
        return TypedResults.Ok(new Response(version, anchor, stale));
    }
}
