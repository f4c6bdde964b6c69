using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace LeadScoring.Benchmarks.Plots;

/// <summary>How well leads are told apart, by whom, with how much data, and forward in time.</summary>
internal static class RankingPlots
{
    private static readonly string[] Names = ["ensemble, calibrated", "gradient boosting", "random forest", "network", "regression"];

    /// <summary>Share of conversions among the best leads.</summary>
    internal static void Gain(TestLeads leads, string folder)
    {
        var gain = Curves.Gain(leads.Probabilities, leads.Labels);
        Report.Table(["best share of leads", "share of all conversions", "lift"], gain.Where((_, i) => i is 1 or 3 or 5 or 9).Select(g => (string[])[$"{g.Share:0.00}", $"{g.Gain:0.000}", $"{g.Lift:0.00}"]));
        var frame = new PlotFrame("Working on the best leads first", $"{leads.Name}, {leads.Labels.Length:N0} test leads, base rate {leads.BaseRate:0.000}")
            .Axis(AxisPosition.Bottom, "share of leads worked on, best score first", 0, 1, 0.2, "0.0").Axis(AxisPosition.Left, "share of all conversions among them", 0, 1.02, 0.2, "0.0").Legend(LegendPosition.RightBottom)
            .Line("nobody can do better", [(0, 0), (leads.BaseRate, 1), (1, 1)], PlotFrame.Grey, LineStyle.Dash, thickness: 1.5)
            .Line("by score", gain.Select(g => (g.Share, g.Gain)).Prepend((0, 0)), PlotFrame.Blue, markers: true)
            .Line("in any order", [(0, 0), (1, 1)], PlotFrame.Orange, LineStyle.Dot);
        frame.Save(folder, "gain", 640, 480);
    }

    /// <summary>Scores of leads that converted and of those that did not.</summary>
    internal static void Scores(TestLeads leads, string folder)
    {
        const int Bins = 20;
        var counts = new double[2, Bins];
        for (var i = 0; i < leads.Labels.Length; i++) counts[(int)leads.Labels[i], Math.Min(Bins - 1, (int)(leads.Scores[i].Points / 100 * Bins))]++;
        var highest = counts.Cast<double>().Max();
        var frame = new PlotFrame("Scores of leads that converted and of those that did not", $"{leads.Name}, {leads.Labels.Length:N0} test leads")
            .Axis(AxisPosition.Bottom, "score", 0, 100, 10, "0").Axis(AxisPosition.Left, "leads", 0, Math.Ceiling(highest * 1.12 / 50) * 50, highest > 400 ? 100 : 50, "0").Legend(LegendPosition.RightMiddle);
        foreach (var (y, title, color) in (IEnumerable<(int, string, OxyColor)>)[(0, "did not convert", PlotFrame.Orange), (1, "converted", PlotFrame.Blue)])
        {
            var bars = new RectangleBarSeries { Title = title, FillColor = color, StrokeThickness = 0 };
            // Side by side: one on top of the other would hide the smaller.
            for (var b = 0; b < Bins; b++) bars.Items.Add(new RectangleBarItem((b + 0.1 + (y * 0.4)) * 100 / Bins, 0, (b + 0.5 + (y * 0.4)) * 100 / Bins, counts[y, b]));
            frame.Model.Series.Add(bars);
        }

        foreach (var (grade, at) in (IEnumerable<(string, double)>)[("D", 0), ("C", 50), ("B", 70), ("A", 85)])
        {
            if (at > 0) frame.Line(null, [(at, 0), (at, 1e6)], PlotFrame.Grey, LineStyle.Dash, thickness: 1);
            frame.Text(grade, at + 1, highest * 1.06);
        }

        frame.Save(folder, "scores");
    }

    /// <summary>AUC and log loss of the ensemble and of its members.</summary>
    internal static void Members(TestLeads leads, string folder)
    {
        double[][] all = [leads.Probabilities, .. leads.Members];
        var measured = all.Select(p => Measure(p, leads.Labels)).ToArray();
        Report.Table([leads.Name, "AUC", "95 %", "log loss", "95 %"], measured.Select((m, i) => (string[])[Names[i], $"{m.Auc:0.0000}", Of(m.AucInterval), $"{m.Loss:0.0000}", Of(m.LossInterval)]));
        double Low(Func<(double Auc, Interval AucInterval, double Loss, Interval LossInterval), Interval> of) => measured.Min(m => of(m).Low);
        double High(Func<(double Auc, Interval AucInterval, double Loss, Interval LossInterval), Interval> of) => measured.Max(m => of(m).High);
        new PlotFrame("The ensemble and its members", $"{leads.Name}, {leads.Labels.Length:N0} test leads, 95 % bootstrap intervals\nmembers uncalibrated, as they enter the average")
            .Names(Names, "names")
            .Axis(AxisPosition.Bottom, "AUC (more is better)", Math.Floor(Low(m => m.AucInterval) * 100) / 100, Math.Ceiling(High(m => m.AucInterval) * 100) / 100, 0.01, "0.00", "auc", 0, 0.45)
            .Axis(AxisPosition.Bottom, "log loss (less is better)", Math.Floor(Low(m => m.LossInterval) * 50) / 50, Math.Ceiling(High(m => m.LossInterval) * 50) / 50, 0.02, "0.00", "loss", 0.55, 1)
            .Sideways(null, measured.Select((m, i) => (m.Auc, (double)-i, m.AucInterval)).Take(1), PlotFrame.Blue, "auc", "names").Sideways(null, measured.Select((m, i) => (m.Auc, (double)-i, m.AucInterval)).Skip(1), PlotFrame.Grey, "auc", "names")
            .Sideways(null, measured.Select((m, i) => (m.Loss, (double)-i, m.LossInterval)).Take(1), PlotFrame.Blue, "loss", "names").Sideways(null, measured.Select((m, i) => (m.Loss, (double)-i, m.LossInterval)).Skip(1), PlotFrame.Grey, "loss", "names")
            .Save(folder, "members", 760, 380);
    }

    /// <summary>Whether more data would help.</summary>
    internal static void Learning(string name, LearningCurve curve, string folder)
    {
        Report.Line($"{name}: {curve.Message}\n");
        Report.Table(["training rows", "log loss", "AUC"], curve.Points.Select(p => (string[])[$"{p.Rows:N0}", $"{p.LogLoss:0.0000}", $"{p.RocAuc:0.0000}"]));
        var losses = curve.Points.Select(p => p.LogLoss).ToArray();
        var frame = new PlotFrame($"Would more data help? {Upper(curve.MoreData)}.", $"{name}: the last doublings of the rows took {curve.GainOfDoubling:0.0000} each off the log loss\n(95 %: {curve.Interval.Low:0.0000} to {curve.Interval.High:0.0000}); from {LearningCurve.WorthHaving * losses[^1]:0.0000} on it is worth having")
            .Axis(AxisPosition.Bottom, "training rows, each step twice the one before", -0.3, curve.Points.Count - 0.7, 1)
            .Axis(AxisPosition.Left, "log loss on the test rows", Math.Floor(losses.Min() * 100) / 100, Math.Ceiling(losses.Max() * 100) / 100, 0.005, "0.000")
            .Line(null, losses.Select((l, i) => ((double)i, l)), PlotFrame.Blue, markers: true);
        frame.Model.Axes[0].LabelFormatter = x => x == Math.Round(x) && x >= 0 && x < curve.Points.Count ? $"{curve.Points[(int)x].Rows:N0}" : "";
        frame.Save(folder, "learning-curve");
    }

    /// <summary>The stratified and the forward test side by side.</summary>
    internal static void Forward(string name, ModelEvaluation evaluation, string folder)
    {
        (string Key, string Name)[] shown = [("roc_auc", "AUC"), ("average_precision", "average precision"), ("f1_at_best", "F1, best threshold"), ("log_loss", "log loss"), ("ece", "calibration error (ECE)")];
        double[] Values(SplitEvaluation s) => [s.Metrics.RocAuc, s.Metrics.AveragePrecision, s.Metrics.AtBestF1.F1, s.Metrics.LogLoss, s.Metrics.Ece];
        var (random, later) = (evaluation.Stratified, evaluation.Forward!);
        var (a, b) = (Values(random), Values(later));
        Report.Table([name, "stratified", "95 %", "forward", "95 %"], shown.Select((m, i) => (string[])[m.Name, $"{a[i]:0.0000}", Of(random.Intervals[m.Key]), $"{b[i]:0.0000}", Of(later.Intervals[m.Key])]));
        new PlotFrame("The same data, tested twice", $"{name}: {random.Metrics.Rows:N0} rows at random, and the newest {later.Metrics.Rows:N0}; 95 % bootstrap intervals")
            .Names([.. shown.Select(m => m.Name)]).Axis(AxisPosition.Bottom, "", 0, 1, 0.1, "0.0").Legend(LegendPosition.RightBottom)
            .Sideways("stratified: rows at random", shown.Select((m, i) => (a[i], -i + 0.12, random.Intervals[m.Key])), PlotFrame.Blue)
            .Sideways("forward: trained on older, tested on newer rows", shown.Select((m, i) => (b[i], -i - 0.12, later.Intervals[m.Key])), PlotFrame.Orange)
            .Save(folder, "forward", 760, 380);
    }

    private static (double Auc, Interval AucInterval, double Loss, Interval LossInterval) Measure(double[] probabilities, float[] labels)
    {
        var sample = new RankedSample(probabilities, Array.ConvertAll(probabilities, p => 100 * p), labels, 0.5, 0.1);
        var measured = sample.Measure();
        var draws = new double[Bootstrap.SuggestedResamples(labels.Length)][];
        Bootstrap.Run(Array.ConvertAll(labels, y => (int)y), draws.Length, 42, (b, counts) => draws[b] = sample.Measure(counts));
        Interval Interval(Metric metric) => Bootstrap.Of(measured[(int)metric], Array.ConvertAll(draws, d => d[(int)metric]));
        return (measured[(int)Metric.RocAuc], Interval(Metric.RocAuc), measured[(int)Metric.LogLoss], Interval(Metric.LogLoss));
    }

    private static string Of(Interval interval) => $"{interval.Low:0.0000} to {interval.High:0.0000}";

    private static string Upper(string word) => char.ToUpperInvariant(word[0]) + word[1..];
}
