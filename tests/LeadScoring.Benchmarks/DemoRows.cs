using LeadScoring.Demo;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks;

/// <summary>Historical leads of the demo world as of their decision: snapshots, feature values and labels.</summary>
internal sealed class DemoRows
{
    // A fixed end of history, so that all runs see the same leads.
    private const long NowMs = 1_767_225_600_000;

    private static readonly Lazy<FeatureProfile> RealEstate = new(() =>
        FeatureProfile.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "profiles", "real-estate.yml"))));

    private static readonly Dictionary<int, (DemoRows Rows, TrainingResult Trained)> Models = [];

    private DemoRows(DemoLead[] leads, LeadSnapshot[] snapshots, TrainingSet set) => (Leads, Snapshots, Set) = (leads, snapshots, set);

    /// <summary>The leads without their events.</summary>
    internal DemoLead[] Leads { get; }

    /// <summary>Each lead as of its decision.</summary>
    internal LeadSnapshot[] Snapshots { get; }

    internal TrainingSet Set { get; }

    internal static DemoWorldSettings DefaultWorld => DemoWorldSettings.Default(NowMs);

    internal static DemoWorldSettings FivePercentWorld => DemoWorldSettings.FivePercent(NowMs);

    internal static DemoRows Make(DemoWorldSettings settings, int count, bool keepSnapshots)
    {
        Report.Progress($"making {count:N0} demo leads");
        var world = new DemoWorld(settings);
        var profile = RealEstate.Value;
        var extractor = new FeatureExtractor(profile);
        var width = profile.Features.Count;
        var leads = new DemoLead[count];
        var snapshots = new LeadSnapshot[keepSnapshots ? count : 0];
        var values = new FeatureValue[count * width];
        Parallel.For(0, count, i =>
        {
            var lead = world.HistoricalLead(i);
            var snapshot = new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, lead.DecisionMs), lead.CreatedAtMs);
            extractor.Extract(snapshot, lead.DecisionMs, values.AsSpan(i * width, width));
            if (keepSnapshots) snapshots[i] = snapshot;
            leads[i] = WithoutEvents(lead);
        });
        return new DemoRows(leads, snapshots, new TrainingSet(profile, values, Array.ConvertAll(leads, l => l.Outcome!.Converted ? 1f : 0f), Array.ConvertAll(leads, l => l.DecisionMs)));
    }

    /// <summary>Leads of the default world and the ensemble trained on all of them; made once.</summary>
    internal static (DemoRows Rows, TrainingResult Trained) Model(int count)
    {
        if (Models.TryGetValue(count, out var known)) return known;
        var rows = Make(DefaultWorld, count, keepSnapshots: true);
        Report.Progress($"training on {count:N0} demo leads");
        var trained = EnsembleTrainer.Train(rows.Set, [.. Enumerable.Range(0, count)], [], new TrainingSettings(), null, CancellationToken.None);
        // Training may leave features out; the model takes values without them.
        rows = new DemoRows(rows.Leads, rows.Snapshots, rows.Set.WithFeatures(trained.Model.Profile));
        return Models[count] = (rows, trained);
    }

    /// <summary>What the models are, for the line above a table.</summary>
    internal static string Describe(TrainingResult trained, int count)
    {
        var model = trained.Model;
        return $"Trained on {count:N0} demo leads: {model.Profile.Features.Count} features, {model.Preprocessor.TreeColumns.Count} tree columns, "
            + $"{model.Preprocessor.DenseColumns.Count} dense columns; gradient boosting {model.GradientBoosting.TreeCount} trees with {Splits(model.GradientBoosting):N0} splits, "
            + $"random forest {model.RandomForest.TreeCount} trees with {Splits(model.RandomForest):N0} splits.\n";

        static int Splits(Ml.Trees.TreeEnsemble ensemble) => ensemble.Trees.Sum(t => t.NodeCount / 2);
    }

    private static DemoLead WithoutEvents(DemoLead lead) => new()
    {
        LeadId = lead.LeadId, CreatedAtMs = lead.CreatedAtMs, DecisionMs = lead.DecisionMs, Attributes = lead.Attributes, Deliveries = [], Outcome = lead.Outcome, TrueProbability = lead.TrueProbability,
    };
}
