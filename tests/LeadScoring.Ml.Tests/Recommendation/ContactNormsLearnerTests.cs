using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Tests.Features;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>What is planted is found: when the leads are active, how much they differ from each other, how they answer.</summary>
public sealed class ContactNormsLearnerTests
{
    private static readonly FeatureProfile Profile = ContactTimeTests.Profile("");

    private static ContactNorms Learn(IEnumerable<ActivityState> leads)
    {
        var learner = new ContactNormsLearner(Profile);
        foreach (var activity in leads) learner.Add(ContactTimeTests.Lead(activity));
        return learner.Result(1);
    }

    /// <summary>Leads whose days of activity fall into their own hour with a probability, else into any hour from 9 to 18.</summary>
    private static IEnumerable<ActivityState> Habits(int leads, double faithful, Random random)
    {
        for (var lead = 0; lead < leads; lead++)
        {
            var state = new ActivityState();
            var own = random.Next(9, 18);
            for (var i = 0; i < 12; i++)
            {
                var hour = random.NextDouble() < faithful ? own : random.Next(9, 18);
                state.Fold(new ActivityEvent("e" + i, "chat", "website", Events.At("2026-01-05T00:00:00Z") + (random.Next(100) * Events.Day) + (hour * Events.Hour)));
            }

            yield return state;
        }
    }

    [Fact]
    public void Result_HoursOfTheLeads_AreTheShares()
    {
        var norms = Learn(Habits(300, 0, new Random(1)));
        Assert.Equal(1, norms.Hours.Sum(), 9);
        Assert.True(norms.KnowsHours);
        Assert.Equal(300, norms.Leads);
        // Nine busy hours a day, smoothed by one hour: far more than the share of a night hour.
        Assert.All(Enumerable.Range(0, 7), day => Assert.True(norms.Hours[(day * 24) + 13] > 10 * norms.Hours[(day * 24) + 3]));
    }

    [Fact]
    public void Result_LeadsWithHabits_AreShrunkLess()
    {
        var (creatures, anybody) = (Learn(Habits(400, 0.9, new Random(2))).Strength, Learn(Habits(400, 0, new Random(2))).Strength);
        Assert.True(creatures < 15, $"{creatures}");
        Assert.True(anybody > 5 * creatures, $"{anybody} against {creatures}");
    }

    [Fact]
    public void Result_FewLeads_KeepTheStatedDefaults()
    {
        var norms = Learn(Habits(5, 0.9, new Random(3)));
        Assert.Equal(ContactNorms.UsualStrength, norms.Strength);
        Assert.False(norms.KnowsHours);
        Assert.Empty(norms.Channels);
        Assert.False(Learn([]).KnowsHours);
        Assert.All(Learn([]).Hours, share => Assert.Equal(1 / 168.0, share, 9));
    }

    [Theory]
    // Leads that answer always or never, leads that all answer one call in four, and something between: Beta(1, 3) is worth 4 attempts.
    [InlineData(0, 2, 2)]
    [InlineData(4, 2.5, 7)]
    [InlineData(1_000, 40, 100)]
    public void Result_CallsOfTheLeads_GiveRateAndStrength(double strength, double least, double most)
    {
        var random = new Random(4);
        var leads = Enumerable.Range(0, 1_500).Select(_ =>
        {
            // Kumaraswamy(1, 3) has the mean of Beta(1, 3), and its shape: 1 - (1 - u)^(1/3).
            var rate = strength == 0 ? (random.Next(4) == 0 ? 1 : 0) : strength == 4 ? 1 - Math.Pow(1 - random.NextDouble(), 1 / 3.0) : 0.25;
            var state = new ActivityState();
            for (var i = 0; i < 10; i++) state.Fold(new ActivityEvent("c" + i, random.NextDouble() < rate ? "phone_call" : "call_attempted", "phone", Events.At("2026-01-05T00:00:00Z") + (i * Events.Day)));
            return state;
        });
        var phone = Learn(leads).Channels["phone"];
        Assert.InRange(phone.Rate, 0.22, 0.28);
        Assert.InRange(phone.Strength, least, most);
        Assert.Equal(15_000, phone.Attempts);
    }

    [Fact]
    public void Recommend_LearnedRates_DecideTheChannelOfAnUnknownLead()
    {
        var norms = new ContactNorms(0, 1, 0, new double[168], 20, new Dictionary<string, ResponseNorm> { ["email"] = new(0.6, 10, 100, 62) });
        var r = Recommender.Recommend(Profile, [new FeatureValue(1, null)], ContactTimeTests.Lead(), 'A', Events.At("2026-06-10T07:00:00Z"), norms);
        Assert.Equal(("email", true), (r.Channel, r.ChannelAbstained));
        Assert.Contains("62 of 100", r.ChannelWhy);
        Assert.Equal("phone", Recommender.Recommend(Profile, [new FeatureValue(1, null)], ContactTimeTests.Lead(null, ("preferred_channel", "Phone")), 'A', Events.At("2026-06-10T07:00:00Z"), norms).Channel);
    }
}
