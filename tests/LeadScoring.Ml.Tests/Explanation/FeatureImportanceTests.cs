using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Tests.Training;
using LeadScoring.Ml.Tests.XGBoost;

namespace LeadScoring.Ml.Tests.Explanation;

public sealed class FeatureImportanceTests
{
    [NativeXGBoostFact]
    public void Of_ManyLeads_IsTheMeanOfTheAbsolutePointsOfEach()
    {
        var model = ModelBundle.Read(SmallWorld.Trained.Value.Bundle).Model;
        var leads = SmallWorld.Leads(300, 77);
        var importance = FeatureImportance.Of(model, leads.Values);
        var explainer = new Explainer(model);
        var sums = new double[model.Profile.Features.Count];
        for (var r = 0; r < leads.Rows; r++)
        {
            foreach (var factor in explainer.Explain(leads.Row(r)).Factors) sums[factor.Feature] += Math.Abs(factor.Points);
        }

        Assert.Equal(model.Profile.Features.Count, importance.Count);
        Assert.All(importance, f => Assert.Equal(sums[model.Profile.IndexOf(f.Feature)] / leads.Rows, f.Points, 1e-4));
        Assert.Equal(importance.Select(f => f.Points).OrderDescending(), importance.Select(f => f.Points));
        Assert.Equal(1, importance.Sum(f => f.Share), 1e-3);
        Assert.Contains("at least one lead", Assert.Throws<ArgumentException>(() => FeatureImportance.Of(model, [])).Message);
    }
}
