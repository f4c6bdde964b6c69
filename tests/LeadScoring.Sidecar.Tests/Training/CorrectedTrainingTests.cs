using System.Net;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>A training that corrects for effort, from the recorded actions to the card.</summary>
[Trait("Category", "Slow")]
public sealed class CorrectedTrainingTests : IAsyncLifetime
{
    private const int Leads = 300;

    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static string Id(int i) => $"l{i:000}";

    private static async Task SendAsync(TestOrganization organization, string path, object body, HttpMethod? method = null)
    {
        var (status, answer) = await organization.SendAsync(method ?? HttpMethod.Post, path, body);
        Assert.True(status == HttpStatusCode.OK, answer.ToString());
    }

    /// <summary>Leads of which every other one is worked, and only those convert, the busier ones more often.</summary>
    private async Task<TestOrganization> DecidedAsync()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var all = Enumerable.Range(0, Leads).ToArray();
        await SendAsync(organization, "/v1/leads/batch", new { leads = all.Select(i => new { lead_id = Id(i), attributes = new { website_sessions = i % 20, properties_viewed_count = i * 13 % 17 } }) });
        await SendAsync(organization, "/v1/score/batch", new { items = all.Select(i => new { lead_id = Id(i) }) });
        clock.Advance(TimeSpan.FromDays(1));
        foreach (var i in all.Where(i => i % 2 == 0)) await SendAsync(organization, $"/v1/leads/{Id(i)}/actions", new { action_id = "call", channel = "phone" });
        clock.Advance(TimeSpan.FromDays(100));
        await SendAsync(organization, "/v1/outcomes", new { outcomes = all.Select(i => new { lead_id = Id(i), converted = i % 2 == 0 && i * 7 % 23 < i % 20, occurred_at = clock.GetUtcNow().AddDays(-5), final = true }) });
        return organization;
    }

    [NativeXGBoostFact]
    public async Task Train_CorrectForEffort_LearnsFromWorkedLeadsAndTheCardSaysSo()
    {
        var organization = await DecidedAsync();
        await SendAsync(organization, "/v1/sampling", new { correct_for_effort = true }, HttpMethod.Put);
        using var output = new StringWriter();
        var trained = await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, PromotionMode.Always, CancellationToken.None);
        Assert.Equal(Leads / 2, trained.Manifest.TrainRows + trained.Manifest.TestRows);
        Assert.True(trained.Manifest.Evaluation!.IsCorrectedForEffort);
        Assert.Equal((Leads, Leads / 2), (trained.Manifest.Evaluation.Effort!.Leads, trained.Manifest.Evaluation.Effort.Worked));
        // What half of the leads are worth stands for all of them.
        var rate = Enumerable.Range(0, Leads).Count(i => i % 2 == 0 && i * 7 % 23 < i % 20) / (Leads / 2.0);
        Assert.InRange(trained.Manifest.OutOfFold!.Ensemble.BaseRate, rate - 0.1, rate + 0.1);
        // Leads that nobody worked taught nothing.
        var learned = (await sidecar.Get<ModelStore>().LearnedAsync(organization.Id, trained.Version, CancellationToken.None))!;
        Assert.All(Enumerable.Range(0, Leads).Where(i => i % 2 == 1), i => Assert.False(LearnedLeads.Contains(learned, Id(i))));
        var (_, model) = await organization.GetAsync($"/v1/models/{trained.Version}");
        Assert.Contains("Corrected for effort", model.ToString());
        var performance = (await organization.GetAsync("/v1/monitoring/performance")).Body;
        Assert.Equal(("True", Leads / 2), (performance.Text("is_corrected_for_effort"), performance.GetProperty("effort").Int("worked")));
    }

    [NativeXGBoostFact]
    public async Task Train_NotAskedFor_TakesOutcomesAsTheyAreAndChecks()
    {
        var organization = await DecidedAsync();
        using var output = new StringWriter();
        var trained = await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, PromotionMode.Always, CancellationToken.None);
        Assert.Equal(Leads, trained.Manifest.TrainRows + trained.Manifest.TestRows);
        Assert.False(trained.Manifest.Evaluation!.IsCorrectedForEffort);
        Assert.True(trained.Manifest.Evaluation.Effort!.Gap > 0.2, trained.Manifest.Evaluation.Effort.ToString());
    }
}
