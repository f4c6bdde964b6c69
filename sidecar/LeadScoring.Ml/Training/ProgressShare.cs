namespace LeadScoring.Ml.Training;

/// <summary>One part's stretch of a whole training's progress.</summary>
internal sealed class ProgressShare(IProgress<TrainingProgress>? progress, double from, double to, string stage)
{
    private readonly Lock gate = new();
    private double furthest;

    /// <param name="what">Behind the stage's name.</param>
    /// <param name="fraction">Of this part, 0 to 1; the progress never falls.</param>
    internal void Report(string what, double fraction)
    {
        if (progress is null) return;
        lock (gate)
        {
            furthest = Math.Max(furthest, Math.Clamp(fraction, 0, 1));
            progress.Report(new TrainingProgress($"{stage}, {what}", from + ((to - from) * furthest)));
        }
    }
}
