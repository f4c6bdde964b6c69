using LeadScoring.Benchmarks.Plots;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;

namespace LeadScoring.Benchmarks;

/// <summary>Draws the plots of <c>sidecar/docs/methodology.md</c> from public sets, and prints the figures in them.</summary>
internal static class PlotsBenchmark
{
    private const double ExampleScore = 72;

    internal static Task RunAsync(BenchmarkOptions options)
    {
        // Under "all", without the sets, there is nothing to draw from.
        if (options.PublicData is not { } data)
        {
            Report.Line("The plots need --public-data.\n");
            return Task.CompletedTask;
        }

        var folder = Path.Combine(Root(), "sidecar", "docs", "plots");
        var education = Leads(data, "x_education", "noleak");
        CalibrationPlots.Reliability(education, folder, "reliability-x-education");
        RankingPlots.Scores(education, folder);
        RankingPlots.Members(education, folder);

        var shoppers = Shoppers(data, folder);
        CalibrationPlots.Reliability(shoppers, folder, "reliability-online-shoppers");
        RankingPlots.Gain(shoppers, folder);
        FactorPlot.Draw(shoppers, ExampleScore, folder);

        CalibrationPlots.Confidence([Bank(data, folder), shoppers, education], folder);
        return Task.CompletedTask;
    }

    private static TestLeads Leads(string data, string set, string variant)
    {
        Report.Progress($"training on {set} / {variant}");
        var loaded = PublicSet.Load(data, set, variant);
        return TestLeads.Of($"{set} / {variant}", loaded.Set, loaded.Train());
    }

    private static TestLeads Shoppers(string data, string folder)
    {
        Report.Progress("training on online_shoppers / all, and its learning curve");
        var loaded = PublicSet.Load(data, "online_shoppers", "all");
        var judged = TrainingJudge.Run(
            loaded.Set, loaded.TrainRows, loaded.TestRows, new TrainingSettings(), new EvaluationSettings { Forward = false }, new RowFacts { KeepSides = true }, null, CancellationToken.None);
        RankingPlots.Learning("online_shoppers / all", judged.Evaluation.LearningCurve!, folder);
        return TestLeads.Of("online_shoppers / all", loaded.Set, judged.Result);
    }

    /// <summary>The bank series is the one set in order of time: tested at random and forward, and walked through block by block.</summary>
    private static TestLeads Bank(string data, string folder)
    {
        var table = LeadTable.Read(Path.Combine(data, "sets", "bank_additional.csv"));
        var labels = table.Labels("label", null);
        var rows = table.Rows.Count;
        var from = (int)(rows * (1 - new EvaluationSettings().ForwardShare));
        int[] older = [.. Enumerable.Range(0, from)];
        // duration is known after the call only; row_order is no feature, but the order of time.
        var profile = FeatureProfile.Parse(table.Infer("bank", older, labels, ["label", "row_order", "duration"]).Yaml);
        var set = new TrainingSet(profile, table.Extract(profile, 0), labels, [.. Enumerable.Range(0, rows).Select(r => (long)r)]);
        Report.Progress("training on bank_additional / noleak, at random and forward");
        var judged = TrainingJudge.Run(set, new TrainingSettings(), new EvaluationSettings { LearningCurve = false }, RowFacts.None, null, CancellationToken.None);
        RankingPlots.Forward("bank_additional / noleak", judged.Evaluation, folder);
        // Once more, for the model itself: a judgement keeps only the figures of its forward training.
        Report.Progress("training on the older part of the bank series");
        CalibrationPlots.BaseRate(set, EnsembleTrainer.Train(set, older, [], new TrainingSettings(), null, CancellationToken.None), from, folder);
        return TestLeads.Of("bank_additional / noleak", set, judged.Result);
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "LeadScoring.N8n.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("the plots are written beside the sources; run from a checkout");
    }
}
