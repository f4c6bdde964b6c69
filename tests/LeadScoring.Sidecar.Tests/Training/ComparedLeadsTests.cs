using LeadScoring.Demo;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>A champion without a list of the leads that it learned from: the window of its training says which it cannot know.</summary>
[Trait("Category", "Slow")]
public sealed class ComparedLeadsTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public ComparedLeadsTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    /// <summary>What the card of a new model says it was compared on: the imported champion was trained when a test clock begins.</summary>
    private async Task<ModelCard> TrainAgainstImportedAsync(int daysLater)
    {
        clock.Advance(TimeSpan.FromDays(daysLater));
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var world = new DemoWorld(DemoWorldSettings.Default(clock.GetUtcNow().ToUnixTimeMilliseconds()) with { HistoricalLeads = 700, ActiveLeads = 0, HistoryDays = 120, Seed = 5 });
        await new DemoSeeding(sidecar.Get<Database>(), sidecar.Get<LeadStore>(), sidecar.Get<EventStore>(), sidecar.Get<OutcomeStore>()).RunAsync(organization.Id, world, new Progress<JobStep>(), CancellationToken.None);
        using var output = new StringWriter();
        var trained = await TrainCommand.RunAsync(
            Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, PromotionMode.Auto, CancellationToken.None, new EvaluationSettings { LearningCurve = false });
        return (await sidecar.Get<ModelStore>().GetAsync(organization.Id, trained.Version, CancellationToken.None)).ReadCard()!;
    }

    [NativeXGBoostFact]
    public async Task Train_LeadsOfAfterTheImportedChampionsWindow_AreComparedOnAsUnseen()
    {
        var card = await TrainAgainstImportedAsync(300);
        Assert.Contains("The champion learned from none of them.", card.Comparison);
        // No list, so nothing says which of its leads are gone.
        Assert.DoesNotContain(card.Gates, g => g.Name == "sample");
    }

    [NativeXGBoostFact]
    public async Task Train_LeadsOfTheImportedChampionsWindow_MayBeKnownToIt()
    {
        var card = await TrainAgainstImportedAsync(0);
        Assert.Contains("errs on its side", card.Comparison);
    }
}
