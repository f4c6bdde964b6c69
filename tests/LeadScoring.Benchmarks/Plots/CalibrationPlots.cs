using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace LeadScoring.Benchmarks.Plots;

/// <summary>Whether probability and confidence mean what they say, now and when the base rate moves.</summary>
internal static class CalibrationPlots
{
    private const double BandWidth = 0.05;
    private const int FewestInBand = 100;
    private const int Blocks = 10;

    /// <summary>Reliability of the weighted average as it is and of the calibrated probability.</summary>
    internal static void Reliability(TestLeads leads, string folder, string name)
    {
        var frame = new PlotFrame("Do leads with probability p convert p of the time?", $"{leads.Name}, {leads.Labels.Length:N0} test leads, ten equal bins, 95 % intervals")
            .Axis(AxisPosition.Bottom, "mean probability of the bin", 0, 1, 0.2, "0.0").Axis(AxisPosition.Left, "share that converted", 0, 1, 0.2, "0.0").Legend(LegendPosition.RightBottom);
        frame.Line("as it should be", [(0, 0), (1, 1)], PlotFrame.Grey, LineStyle.Dash, thickness: 1);
        foreach (var (title, p, color) in (IEnumerable<(string, double[], OxyColor)>)[("weighted average, before calibration", leads.Averages, PlotFrame.Orange), ("calibrated probability", leads.Probabilities, PlotFrame.Blue)])
        {
            var error = CalibrationError.Expected(p, leads.Labels);
            frame.Intervals($"{title} (ECE {error:0.000})", Curves.Calibration(p, leads.Labels).Select(b => (b.MeanProbability, b.ConversionRate, b.Interval)), color);
            Report.Line($"{leads.Name}, {title}: ECE {error:0.0000}, log loss {ProbabilityLoss.LogLoss(p, leads.Labels):0.0000}.\n");
        }

        frame.Save(folder, name, 640, 520);
    }

    /// <summary>Stated confidence and share decided rightly.</summary>
    internal static void Confidence(IReadOnlyList<TestLeads> sets, string folder)
    {
        var frame = new PlotFrame("Of decisions made with confidence c, are c right?", $"test leads in bands {BandWidth} wide with at least {FewestInBand} leads, 95 % intervals\ndotted: 0.04 to each side")
            .Axis(AxisPosition.Bottom, "mean confidence stated", 0.5, 1, 0.1, "0.0").Axis(AxisPosition.Left, "share decided rightly", 0.4, 1.02, 0.1, "0.0").Legend(LegendPosition.RightBottom);
        frame.Line("as it should be", [(0.4, 0.4), (1, 1)], PlotFrame.Grey, LineStyle.Dash, thickness: 1);
        foreach (var off in (double[])[-0.04, 0.04]) frame.Line(null, [(0.4, 0.4 + off), (1.1, 1.1 + off)], PlotFrame.Grey, LineStyle.Dot, thickness: 1);
        OxyColor[] colors = [PlotFrame.Blue, PlotFrame.Orange, PlotFrame.Green];
        var lines = new List<string[]>();
        foreach (var (set, color) in sets.Zip(colors))
        {
            var bands = set.Scores.Zip(set.Labels, (s, y) => (s.Confidence, Right: s.Probability >= 0.5 == (y == 1) ? 1.0 : 0))
                .GroupBy(s => Math.Floor(s.Confidence / BandWidth)).Where(g => g.Count() >= FewestInBand).OrderBy(g => g.Key)
                .Select(g => (Leads: g.Count(), Stated: g.Average(s => s.Confidence), Right: g.Average(s => s.Right))).ToArray();
            frame.Intervals(set.Name, bands.Select(b => (b.Stated, b.Right, Interval.OfShare(b.Right * b.Leads, b.Leads))), color, joined: false);
            lines.AddRange(bands.Select(b => (string[])[set.Name, $"{b.Leads:N0}", $"{b.Stated:0.000}", $"{b.Right:0.000}", $"{b.Right - b.Stated:+0.000;-0.000}"]));
        }

        Report.Table(["set", "leads in the band", "mean confidence", "decided rightly", "difference"], lines);
        frame.Save(folder, "confidence", 640, 520);
    }

    /// <summary>A series whose base rate moves: conversions of each block, the frozen model's mean probability and the anchored one, each from what was known before the block.</summary>
    internal static void BaseRate(TrainingSet set, TrainingResult trained, int from, string folder)
    {
        var rate = trained.TrainRows.Average(r => (double)set.Labels[r]);
        set = set.WithFeatures(trained.Model.Profile);
        var size = (set.Rows - from) / (double)Blocks;
        var points = new List<(double X, double Rate, Interval Interval, double Frozen, double Anchored, string Verdict)>();
        double[] before = [];
        float[] beforeLabels = [];
        var anchor = Anchor.Identity;
        foreach (var block in Enumerable.Range(0, Blocks))
        {
            int[] rows = [.. Enumerable.Range(from + (int)(block * size), (int)((block + 1) * size) - (int)(block * size))];
            var p = Array.ConvertAll(rows, r => trained.Model.Score(set.Row(r)).Probability);
            var y = Array.ConvertAll(rows, r => set.Labels[r]);
            var (served, verdicts) = (new double[p.Length], new AnchorVerdict[p.Length]);
            for (var i = 0; i < p.Length; i++)
            {
                if (i % 100 == 0) anchor = Reanchoring.Decide(new MaturedOutcomes([.. before, .. p[..i]], [.. beforeLabels, .. y[..i]]), [], rate, 42);
                (served[i], verdicts[i]) = (anchor.Apply(p[i]), anchor.Verdict);
            }

            points.Add((block + 1, y.Average(), Interval.OfShare(y.Sum(), y.Length), p.Average(), served.Average(), verdicts.GroupBy(v => v).MaxBy(g => g.Count())!.Key.ToString()));
            (before, beforeLabels) = ([.. before, .. p], [.. beforeLabels, .. y]);
        }

        Report.Table(["block", "converted", "frozen mean probability", "re-anchored mean probability", "most frequent verdict"], points.Select(b => (string[])[$"{b.X}", $"{b.Rate:0.000}", $"{b.Frozen:0.000}", $"{b.Anchored:0.000}", b.Verdict]));
        var frame = new PlotFrame("When the base rate moves", $"UCI bank series in order of date: trained on the first {from:N0} calls (base rate {rate:0.000}),\nthe other {set.Rows - from:N0} in {Blocks} blocks")
            .Axis(AxisPosition.Bottom, "block, oldest first", 0.5, Blocks + 0.5, 1, "0").Axis(AxisPosition.Left, "share, mean probability", 0, 0.7, 0.1, "0.0").Legend(LegendPosition.LeftTop)
            .Line("base rate of the training", [(0.5, rate), (Blocks + 0.5, rate)], PlotFrame.Grey, LineStyle.Dash, thickness: 1)
            .Intervals("converted, 95 % interval", points.Select(b => (b.X, b.Rate, b.Interval)), PlotFrame.Grey)
            .Line("mean probability, frozen", points.Select(b => (b.X, b.Frozen)), PlotFrame.Orange, markers: true)
            .Line("mean probability, re-anchored every 100 outcomes", points.Select(b => (b.X, b.Anchored)), PlotFrame.Blue, markers: true);
        foreach (var b in points.Where(b => b.Verdict is nameof(AnchorVerdict.RankOnly) or nameof(AnchorVerdict.RankingLost))) frame.Text(b.Verdict == nameof(AnchorVerdict.RankOnly) ? "rank only" : "ranking lost", b.X + 0.12, b.Anchored - 0.015, HorizontalAlignment.Left, PlotFrame.Blue);
        frame.Save(folder, "base-rate");
    }
}
