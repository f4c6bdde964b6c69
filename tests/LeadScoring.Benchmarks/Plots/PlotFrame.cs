using System.Text;
using LeadScoring.Ml.Metrics;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace LeadScoring.Benchmarks.Plots;

/// <summary>What all plots share: paper, axes, colours that colour-blind readers tell apart (Okabe and Ito 2008), and the file.</summary>
internal sealed class PlotFrame
{
    internal static readonly OxyColor Blue = OxyColor.FromRgb(0x00, 0x72, 0xB2);
    internal static readonly OxyColor Orange = OxyColor.FromRgb(0xD5, 0x5E, 0x00);
    internal static readonly OxyColor Green = OxyColor.FromRgb(0x00, 0x9E, 0x73);
    internal static readonly OxyColor Grey = OxyColor.FromRgb(0x80, 0x80, 0x80);
    private static readonly OxyColor Ink = OxyColor.FromRgb(0x22, 0x22, 0x22);
    private static readonly OxyColor Faint = OxyColor.FromRgb(0xE4, 0xE4, 0xE4);

    internal PlotFrame(string title, string subtitle) => Model = new PlotModel
    {
        Title = title, Subtitle = subtitle, TitleFontSize = 16, SubtitleFontSize = 12, TitleFontWeight = FontWeights.Bold, TitleHorizontalAlignment = TitleHorizontalAlignment.CenteredWithinView,
        // White paper, so that it reads on a dark page too.
        Background = OxyColors.White, TextColor = Ink, PlotAreaBorderColor = Grey, DefaultFont = "Arial", DefaultFontSize = 12, Padding = new OxyThickness(12, 12, 22, 12),
    };

    internal PlotModel Model { get; }

    internal PlotFrame Axis(AxisPosition position, string title, double low, double high, double step, string? format = null, string? key = null, double start = 0, double end = 1)
    {
        Model.Axes.Add(new LinearAxis
        {
            Position = position, Title = title, Minimum = low, Maximum = high, MajorStep = step, StringFormat = format, Key = key, StartPosition = start, EndPosition = end,
            MajorGridlineStyle = LineStyle.Solid, MajorGridlineColor = Faint, MinorTickSize = 0, TicklineColor = Grey, AxisTitleDistance = 8,
        });
        return this;
    }

    /// <summary>Names instead of numbers on the left, the first one on top; place i is at -i.</summary>
    internal PlotFrame Names(IReadOnlyList<string> names, string? key = null)
    {
        Model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Left, Minimum = -names.Count + 0.4, Maximum = 0.6, MajorStep = 1, MinorTickSize = 0, MajorTickSize = 0, Key = key,
            LabelFormatter = y => -y >= 0 && -y < names.Count && y == Math.Round(y) ? names[(int)-y] : "",
        });
        return this;
    }

    internal PlotFrame Legend(LegendPosition position)
    {
        Model.Legends.Add(new Legend { LegendPosition = position, LegendBackground = OxyColors.White, LegendBorder = Faint, LegendPlacement = LegendPlacement.Inside, LegendSymbolLength = 24, LegendLineSpacing = 2 });
        return this;
    }

    internal PlotFrame Line(string? title, IEnumerable<(double X, double Y)> points, OxyColor color, LineStyle style = LineStyle.Solid, bool markers = false, double thickness = 2)
    {
        var line = new LineSeries { Title = title, Color = color, LineStyle = style, StrokeThickness = thickness, MarkerType = markers ? MarkerType.Circle : MarkerType.None, MarkerSize = 4, MarkerFill = color };
        line.Points.AddRange(points.Select(p => new DataPoint(p.X, p.Y)));
        Model.Series.Add(line);
        return this;
    }

    /// <summary>Points with intervals upwards and downwards.</summary>
    internal PlotFrame Intervals(string? title, IEnumerable<(double X, double Y, Interval Interval)> points, OxyColor color, bool joined = true)
    {
        var all = points.ToArray();
        Bars(all.SelectMany(p => new (double, double)[] { (p.X, p.Interval.Low), (p.X, p.Interval.High), (double.NaN, double.NaN) }), color, null, null);
        return Line(title, all.Select(p => (p.X, p.Y)), color, joined ? LineStyle.Solid : LineStyle.None, markers: true);
    }

    /// <summary>Points with intervals to both sides.</summary>
    internal PlotFrame Sideways(string? title, IEnumerable<(double X, double Y, Interval Interval)> points, OxyColor color, string? xKey = null, string? yKey = null)
    {
        var all = points.ToArray();
        Bars(all.SelectMany(p => new (double, double)[] { (p.Interval.Low, p.Y), (p.Interval.High, p.Y), (double.NaN, double.NaN) }), color, xKey, yKey);
        var dots = new LineSeries { Title = title, Color = color, LineStyle = LineStyle.None, MarkerType = MarkerType.Circle, MarkerSize = 5, MarkerFill = color, XAxisKey = xKey, YAxisKey = yKey };
        dots.Points.AddRange(all.Select(p => new DataPoint(p.X, p.Y)));
        Model.Series.Add(dots);
        return this;
    }

    internal PlotFrame Text(string text, double x, double y, HorizontalAlignment align = HorizontalAlignment.Left, OxyColor? color = null, string? xKey = null, string? yKey = null)
    {
        Model.Annotations.Add(new TextAnnotation
        {
            Text = text, TextPosition = new DataPoint(x, y), TextHorizontalAlignment = align, TextVerticalAlignment = VerticalAlignment.Middle, TextColor = color ?? Ink,
            StrokeThickness = 0, XAxisKey = xKey, YAxisKey = yKey, Layer = AnnotationLayer.AboveSeries,
        });
        return this;
    }

    /// <summary>Writes the plot; the same figures give the same bytes.</summary>
    internal void Save(string folder, string name, int width = 720, int height = 440)
    {
        using var stream = new MemoryStream();
        new SvgExporter { Width = width, Height = height, TextMeasurer = new WideLetters() }.Export(Model, stream);
        if (Model.GetLastPlotException() is { } failure) throw new InvalidOperationException($"{name} could not be drawn", failure);
        var svg = Encoding.UTF8.GetString(stream.ToArray()).Replace("\r\n", "\n", StringComparison.Ordinal)
            // A reader's machine may know another name for the same letters.
            .Replace("font-family=\"Arial\"", "font-family=\"Arial, Helvetica, sans-serif\"", StringComparison.Ordinal);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name + ".svg"), svg.TrimStart('\uFEFF').TrimEnd() + "\n");
        Report.Progress($"{name}.svg");
    }

    private void Bars(IEnumerable<(double X, double Y)> ends, OxyColor color, string? xKey, string? yKey)
    {
        var line = new LineSeries { Color = OxyColor.FromAColor(150, color), StrokeThickness = 1.5, XAxisKey = xKey, YAxisKey = yKey };
        line.Points.AddRange(ends.Select(e => new DataPoint(e.X, e.Y)));
        Model.Series.Add(line);
    }
}
