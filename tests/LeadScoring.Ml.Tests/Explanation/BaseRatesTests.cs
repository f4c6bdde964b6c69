using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.Training;

namespace LeadScoring.Ml.Tests.Explanation;

public sealed class BaseRatesTests
{
    [Fact]
    public void Of_Leads_CountsEachOnceInBinsOfEnough()
    {
        var set = SmallWorld.Leads(5_000, 3);
        int[] rows = [.. Enumerable.Range(0, set.Rows).Where(r => r % 5 != 0)];
        var rates = BaseRates.Of(set.Profile, set.Values, set.Labels, rows);
        Assert.Equal(new Tally(4_000, rows.Count(r => set.Labels[r] == 1)), rates.All);
        Assert.Equal(200, rates.Least);
        for (var f = 0; f < 2; f++)
        {
            var bins = rates.Features[f].Bins!;
            Assert.Equal(rates.All, bins.Aggregate(rates.Features[f].Missing, (sum, b) => sum + b.Leads));
            Assert.All(bins, b => Assert.InRange(b.Leads.Rows, 200, 4_000));
            Assert.All(bins.Zip(bins.Skip(1)), p => Assert.True(p.First.To < p.Second.From));
            foreach (var bin in bins)
            {
                int[] inside = [.. rows.Where(r => set.Row(r)[f].Number >= bin.From && set.Row(r)[f].Number <= bin.To)];
                Assert.Equal(bin.Leads, new Tally(inside.Length, inside.Count(r => set.Labels[r] == 1)));
            }
        }

        var cities = rates.Features[2].Levels!;
        Assert.Equal(["city0", "city1", "city2", "city3"], cities.Keys.Order());
        Assert.Equal(rows.Count(r => set.Row(r)[2].Level == "city2"), cities["city2"].Rows);
        // 40 agents of some 90 leads each: too few to tell a rate of.
        Assert.Empty(rates.Features[3].Levels!);
        Assert.Equal(["false", "true"], rates.Features[4].Levels!.Keys.Order());
        Assert.Single(rates.Features[5].Bins!);
        Assert.Equal(4_000, rates.Features[6].Missing.Rows);
        Assert.Empty(rates.Features[6].Bins!);
    }

    [Fact]
    public void Rate_FewLeads_IsDrawnTowardsAll()
    {
        var rates = new BaseRates(new Tally(1_000, 100), 20, []);
        Assert.Equal(0.1, rates.Rate(default), 12);
        Assert.Equal((5 + 1) / 15.0, rates.Rate(new Tally(5, 5)), 12);
        Assert.Equal(0.5, rates.Rate(new Tally(10_000, 5_000)), 3);
        Assert.Equal(0, new BaseRates(default, 20, []).AllRate);
    }
}
