using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Rules;

namespace LeadScoring.Ml.Training;

/// <summary>Whether a learned model has shown that it is better than the profile's rules corrected by the same outcomes.</summary>
/// <param name="IsProven">True: the model may score. False: rules and outcomes go on scoring.</param>
/// <param name="Gain">Log loss that the model saves per lead, nats; negative when it is worse.</param>
/// <param name="Low">5th percentile of that gain.</param>
/// <param name="High">95th percentile.</param>
/// <param name="RulesLogLoss">Out-of-fold log loss of rules and outcomes.</param>
/// <param name="ModelLogLoss">Out-of-fold log loss of the model.</param>
public sealed record ColdStartVerdict(bool IsProven, double Gain, double Low, double High, double RulesLogLoss, double ModelLogLoss)
{
    /// <summary>The verdict for people.</summary>
    public string Reason => string.Create(
        CultureInfo.InvariantCulture,
        $"log loss out-of-fold {ModelLogLoss:0.0000} against {RulesLogLoss:0.0000} of rules and outcomes; the gain of {Gain:0.0000} lies between {Low:0.0000} and {High:0.0000} (90 %), {(IsProven ? "so the model is proven" : "so the model is not proven yet")}");
}

/// <summary>The way from rules to a model: the measured gain decides, not a number of outcomes.</summary>
public static class ColdStart
{
    /// <summary>A model whose gain is certain to this many nats is taken when it is not worse: by then waiting teaches nothing more.</summary>
    public const double Equivalence = 0.005;

    // Far more than the rules' few dozen coefficients need; the fit takes a second or two.
    private const int MaxRows = 20_000;

    // 95th percentile of the standard normal distribution: half of a 90 % interval.
    private const double NinetyPercent = 1.6448536269514722;

    /// <summary>Learns the rules' correction from all rows, or from a seeded sample of them when there are very many.</summary>
    /// <param name="set">Labelled rows, all features of the profile.</param>
    /// <param name="rows">Positions to learn from.</param>
    /// <param name="seed">Seed of the sample.</param>
    public static RulePosterior Fit(TrainingSet set, int[] rows, int seed)
    {
        if (rows.Length > MaxRows)
        {
            var sample = (int[])rows.Clone();
            new Random(seed).Shuffle(sample);
            rows = sample[..MaxRows];
        }

        var width = set.Profile.Features.Count;
        var values = new FeatureValue[rows.Length * width];
        for (var i = 0; i < rows.Length; i++) set.Row(rows[i]).CopyTo(values.AsSpan(i * width));
        return RulePosterior.Fit(set.Profile, values, Array.ConvertAll(rows, r => set.Labels[r]));
    }

    /// <summary>Compares a model with the rules on the same rows and folds.</summary>
    /// <param name="set">Labelled rows, all features of the profile.</param>
    /// <param name="trainRows">Rows that the model was cross-validated on.</param>
    /// <param name="outOfFold">The model's calibrated out-of-fold probabilities of these rows.</param>
    /// <param name="settings">Folds and seed.</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static ColdStartVerdict Judge(TrainingSet set, int[] trainRows, double[] outOfFold, TrainingSettings settings)
    {
        if (outOfFold.Length != trainRows.Length) throw new ArgumentException($"{outOfFold.Length} probabilities do not fit {trainRows.Length} rows", nameof(outOfFold));
        var fold = StratifiedSplit.Folds(set.Labels, trainRows, settings.Folds, settings.Seed);
        var rules = new double[trainRows.Length];
        for (var k = 0; k < settings.Folds; k++)
        {
            var posterior = Fit(set, [.. trainRows.Where((_, i) => fold[i] != k)], settings.Seed);
            for (var i = 0; i < trainRows.Length; i++)
            {
                if (fold[i] == k) rules[i] = posterior.Score(set.Row(trainRows[i])).Probability;
            }
        }

        return Compare(rules, outOfFold, Array.ConvertAll(trainRows, r => set.Labels[r]));
    }

    /// <summary>The paired difference of log losses with its interval.</summary>
    /// <param name="rules">Probabilities by rules and outcomes. Shape (rows,).</param>
    /// <param name="model">Probabilities by the model. Shape (rows,).</param>
    /// <param name="labels">1 or 0. Shape (rows,).</param>
    public static ColdStartVerdict Compare(double[] rules, double[] model, float[] labels)
    {
        double mean = 0, squares = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var gain = Loss(rules[i], labels[i]) - Loss(model[i], labels[i]);
            mean += gain / labels.Length;
            squares += gain * gain / labels.Length;
        }

        var half = NinetyPercent * Math.Sqrt(Math.Max(0, squares - (mean * mean)) / Math.Max(1, labels.Length - 1));
        var proven = mean - half > 0 || (mean >= 0 && half <= Equivalence);
        return new ColdStartVerdict(proven, mean, mean - half, mean + half, ProbabilityLoss.LogLoss(rules, labels), ProbabilityLoss.LogLoss(model, labels));
    }

    private static double Loss(double p, float label) => -Math.Log(Math.Clamp(label == 1 ? p : 1 - p, 1e-6, 1));
}
