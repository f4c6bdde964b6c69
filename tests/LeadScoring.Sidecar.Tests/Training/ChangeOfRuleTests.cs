using LeadScoring.Demo;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>Outcomes that follow another rule from some week on: the model learns from the leads since then, and from all where there was no change.</summary>
[Trait("Category", "Slow")]
public sealed class ChangeOfRuleTests
{
    private const int Rows = 2_000;
    private const int Weeks = 25;
    private const int ChangedAt = 20;
    private const long StartMs = 1_767_225_600_000;
    private const long WeekMs = 7 * ActivityState.DayMs;

    private static readonly EvaluationSettings Evaluation = new() { LearningCurve = false };
    private static DemoWorld World(double concept) =>
        new(DemoWorldSettings.Default(StartMs) with { Seed = 3, EventsAfterDecision = false, ConceptDrift = new DemoDrift(StartMs + (ChangedAt * WeekMs), concept) });

    private static FeatureValue[] Values(DemoLead lead, FeatureProfile profile) =>
        new FeatureExtractor(profile).Extract(new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, lead.DecisionMs), lead.CreatedAtMs), lead.DecisionMs);

    private static TrainingSet Leads(double concept, bool withTime)
    {
        var leads = Enumerable.Range(0, Rows).Select(i => World(concept).LeadDecidedAt(i, StartMs + (i * Weeks * WeekMs / Rows))).ToArray();
        return new TrainingSet(
            ProfileStore.Default, [.. leads.SelectMany(l => Values(l, ProfileStore.Default))], [.. leads.Select(l => l.Outcome!.Converted ? 1f : 0f)], withTime ? [.. leads.Select(l => l.DecisionMs)] : null);
    }

    private static JudgedTraining Train(TrainingSet set, RowFacts facts) => TrainingJudge.Run(set, SmallModel.Settings, Evaluation, facts, null, CancellationToken.None);

    /// <summary>What a model is worth on leads to come.</summary>
    private static double Auc(JudgedTraining judged)
    {
        var leads = Enumerable.Range(0, 1_000).Select(i => World(1).LeadDecidedAt(Rows + i, StartMs + (Weeks * WeekMs))).ToArray();
        return DemoYear.ExpectedAuc(Array.ConvertAll(leads, l => judged.Result.Model.Score(Values(l, judged.Result.Model.Profile)).Probability), Array.ConvertAll(leads, l => l.TrueProbability));
    }

    [NativeXGBoostFact]
    public void Train_RuleChanged_LearnsFromTheLeadsSinceThen()
    {
        var set = Leads(1, withTime: true);
        var judged = Train(set, RowFacts.None);
        var since = judged.Evaluation.RuleSinceMs ?? 0;
        Assert.InRange((since - StartMs) / (double)WeekMs, ChangedAt - 1.5, ChangedAt + 1.5);
        Assert.All(judged.Result.TrainRows.Concat(judged.Result.TestRows).Concat(judged.Forward!.TestRows).Concat(judged.Forward.TrainRows), r => Assert.True(set.AsOfMs![r] >= since));
        // Without time nothing tells old from new.
        var mixed = Train(Leads(1, withTime: false), RowFacts.None);
        Assert.True(Auc(judged) > Auc(mixed) + 0.05, $"{Auc(judged):0.000} against {Auc(mixed):0.000}");
    }

    [NativeXGBoostFact]
    public void Train_RuleThatHeld_LearnsFromAllLeads()
    {
        var set = Leads(0, withTime: true);
        Assert.Null(Train(set, RowFacts.None).Evaluation.RuleSinceMs);
        // What a champion found once is asked of the data again: here leads since then are no better a teacher.
        Assert.Null(Train(set, new RowFacts { RuleSinceMs = StartMs + (ChangedAt * WeekMs) }).Evaluation.RuleSinceMs);
    }
}
