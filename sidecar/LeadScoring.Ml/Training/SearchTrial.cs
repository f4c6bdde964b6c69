using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>One parameter set in a search, and its loss curves on the folds measured so far.</summary>
internal sealed class SearchTrial(double[] point, XGBoostParameters parameters)
{
    private readonly Dictionary<FoldRows, double[]> curves = [];

    internal double[] Point => point;

    internal XGBoostParameters Parameters => parameters;

    /// <summary>Lowest point of the mean curve.</summary>
    internal double Loss => Lowest().Loss;

    /// <summary>Rounds at the lowest point of the mean curve.</summary>
    internal int Rounds => Lowest().Rounds;

    internal void Add(FoldRows fold, double[] curve)
    {
        lock (curves) curves[fold] = curve;
    }

    private (double Loss, int Rounds) Lowest()
    {
        lock (curves)
        {
            // Folds end at different rounds; beyond the shortest there is no mean. Sorted sums: the order in which folds were done must not show.
            var common = curves.Values.Min(c => c.Length);
            return Enumerable.Range(0, common)
                .Select(r => (Loss: curves.Values.Select(c => c[r]).Order().Sum() / curves.Count, Rounds: r + 1))
                .MinBy(x => x.Loss);
        }
    }
}
