using OxyPlot;

namespace LeadScoring.Benchmarks.Plots;

/// <summary>Measures text generously: whoever opens the file may have wider letters than the machine that made it, and the same file must come from every machine.</summary>
internal sealed class WideLetters() : PdfRenderContext(1, 1, OxyColors.White)
{
    private const double Letter = 0.57;
    private const double BoldLetter = 0.64;
    private const double LineHeight = 1.3;

    public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight)
    {
        if (string.IsNullOrEmpty(text)) return OxySize.Empty;
        var lines = text.Split('\n');
        return new OxySize(lines.Max(l => l.Length) * fontSize * (fontWeight > FontWeights.Normal ? BoldLetter : Letter), lines.Length * fontSize * LineHeight);
    }
}
