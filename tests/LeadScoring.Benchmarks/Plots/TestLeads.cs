using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks.Plots;

/// <summary>A trained model and the leads it is tested on.</summary>
/// <param name="Name">Set and columns.</param>
/// <param name="Model">The model.</param>
/// <param name="Set">Rows with the features of the model.</param>
/// <param name="Rows">Positions of the test rows in it.</param>
/// <param name="Labels">Their outcomes.</param>
/// <param name="Scores">Their scores.</param>
/// <param name="Members">Probabilities of the members, [member][lead].</param>
/// <param name="Averages">Weighted averages of the members, before calibration.</param>
internal sealed record TestLeads(string Name, EnsembleModel Model, TrainingSet Set, int[] Rows, float[] Labels, LeadScore[] Scores, double[][] Members, double[] Averages)
{
    internal double[] Probabilities => Array.ConvertAll(Scores, s => s.Probability);

    internal double BaseRate => Labels.Average();

    internal static TestLeads Of(string name, TrainingSet set, TrainingResult trained)
    {
        var served = set.WithFeatures(trained.Model.Profile);
        var rows = trained.TestRows;
        var members = Enumerable.Range(0, EnsembleModel.Members).Select(_ => new double[rows.Length]).ToArray();
        var averages = new double[rows.Length];
        var one = new double[EnsembleModel.Members];
        for (var i = 0; i < rows.Length; i++)
        {
            trained.Model.Score(served.Row(rows[i]), one);
            for (var m = 0; m < one.Length; m++) members[m][i] = one[m];
            averages[i] = trained.Model.Weights.Average(one);
        }

        return new TestLeads(name, trained.Model, served, rows, Array.ConvertAll(rows, r => set.Labels[r]), trained.TestScores, members, averages);
    }
}
