using LeadScoring.Demo;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>One model of the demo world, trained once a test run with settings small enough for tests; its bundle is shared.</summary>
internal static class SmallModel
{
    internal static readonly TrainingSettings Settings = new()
    {
        GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 15, MaxDepth = 3 },
        RandomForest = XGBoostParameters.RandomForest with { ParallelTrees = 15, MaxDepth = 5 },
        Network = new NetworkParameters { MaxEpochs = 6, HiddenLayers = [16, 8] },
        Folds = 3,
    };

    /// <summary>The same as the body of a training run.</summary>
    internal static readonly object SettingsJson = new
    {
        gradient_boosting = new { rounds = 15, max_depth = 3 }, random_forest = new { rounds = 1, parallel_trees = 15, max_depth = 5 }, network = new { max_epochs = 6, hidden_layers = new[] { 16, 8 } }, folds = 3,
    };

    private static readonly Lazy<Task<byte[]>> Trained = new(TrainAsync);

    internal static Task<byte[]> BundleAsync() => Trained.Value;

    /// <summary>Leads of the demo world in an organization, as of now by the clock of its sidecar: the historical ones with outcomes, the active ones open.</summary>
    internal static Task SeedAsync(IServiceProvider services, string organizationId, int historical, int active, int seed = 1) =>
        new DemoSeeding(services.GetRequiredService<Database>(), services.GetRequiredService<LeadStore>(), services.GetRequiredService<EventStore>(), services.GetRequiredService<OutcomeStore>())
            .RunAsync(
                organizationId,
                new DemoWorld(DemoWorldSettings.Default(services.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeMilliseconds()) with { HistoricalLeads = historical, ActiveLeads = active, Seed = seed }),
                new Silent(), CancellationToken.None);

    private static async Task<byte[]> TrainAsync()
    {
        // A clock that stands: the same world, and so the same model, whenever the tests run.
        var sidecar = TestClock.Sidecar(new TestClock());
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await SeedAsync(sidecar.Services, organization.Id, 1_500, 0);
            using var output = new StringWriter();
            var trained = await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, Settings, PromotionMode.Always, CancellationToken.None);
            return await sidecar.Get<ModelStore>().GetBundleAsync(organization.Id, trained.Version, CancellationToken.None);
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    private sealed class Silent : IProgress<JobStep>
    {
        public void Report(JobStep value)
        {
        }
    }
}
