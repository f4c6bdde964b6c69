using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Dashboard;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Feedback;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Privacy;
using LeadScoring.Sidecar.Recommendations;
using LeadScoring.Sidecar.Reports;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Telemetry;
using LeadScoring.Sidecar.Training;
using LeadScoring.Sidecar.Webhooks;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar;

/// <summary>Composition only: which slices there are. The server, the commands and the tests all start from here.</summary>
internal static class SidecarApp
{
    // Watching settings files costs inotify handles, of which containers have few.
    private static readonly string[] NoReload = ["--hostBuilder:reloadConfigOnChange=false"];

    /// <param name="settings">Settings that go before environment and files, such as LeadScoring:Data.</param>
    internal static WebApplicationBuilder CreateBuilder(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, ApplicationName = typeof(SidecarApp).Assembly.GetName().Name, Args = NoReload });
        // A password belongs into a file that one user can read, not into the environment, which every child process and every dump of it shows.
        if (builder.Configuration["LeadScoring:Secrets"] is { Length: > 0 } secrets) builder.Configuration.AddKeyPerFile(SecretsFolder(secrets), optional: false);
        builder.Configuration.AddInMemoryCollection(settings);
        WeakSecrets.Refuse(builder.Configuration);
        // The framework's own request log holds addresses, and with them lead ids.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning)
            // As long as this logger could say anything, every request gets an activity and a log scope of its own. ProblemMiddleware says what fails.
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        builder.Services
            .AddApi(builder.Configuration)
            .AddValidation()
            .AddStorage(builder.Configuration)
            .AddTelemetry(builder.Configuration)
            .AddJobs(builder.Configuration)
            .AddAudit()
            .AddOrganizations()
            .AddLeads(builder.Configuration)
            .AddEvents(builder.Configuration)
            .AddOutcomes()
            .AddModels()
            .AddExperiments()
            .AddScoring(builder.Configuration)
            .AddRecommendations(builder.Configuration)
            .AddTraining(builder.Configuration)
            .AddImports(builder.Configuration)
            .AddFeedback(builder.Configuration)
            .AddMonitoring(builder.Configuration)
            .AddWebhooks(builder.Configuration)
            .AddSync(builder.Configuration)
            .AddPrivacy(builder.Configuration)
            .AddDashboard();
        return builder;
    }

    private static string SecretsFolder(string setting)
    {
        var folder = Path.GetFullPath(setting);
        return Directory.Exists(folder) ? folder : throw new DirectoryNotFoundException($"LEADSCORING__SECRETS: there is no folder {folder}. Name the one that holds a file for each secret setting, such as LEADSCORING__DATABASE.");
    }

    /// <summary>Schema, months of events, and activity that an earlier version folded by other rules.</summary>
    internal static async Task PrepareDatabaseAsync(this WebApplication app, CancellationToken cancellationToken)
    {
        await app.Services.GetRequiredService<Migrator>().MigrateAsync(cancellationToken);
        await app.Services.GetRequiredService<EventMonths>().EnsureAsync(cancellationToken);
        await app.Services.GetRequiredService<RefoldActivity>().RunAsync(cancellationToken);
    }

    /// <summary>What must be done before the first request: schema, and leftovers of uploads that were cut off by a crash.</summary>
    internal static async Task PrepareAsync(this WebApplication app, CancellationToken cancellationToken)
    {
        await app.PrepareDatabaseAsync(cancellationToken);
        PostImport.DeleteLeftovers(app.Services.GetRequiredService<IOptions<StorageOptions>>().Value);
    }

    internal static void MapSlices(this WebApplication app)
    {
        app.UseApi();
        app.MapOpenApi();
        app.MapHealth();
        app.MapTelemetry();
        var v1 = app.MapGroup(Authentication.Prefix);
        v1.MapOrganizations();
        v1.MapAudit();
        v1.MapJobs();
        v1.MapLeads();
        v1.MapEvents();
        v1.MapOutcomes();
        v1.MapModels();
        v1.MapExperiments();
        v1.MapScoring();
        v1.MapRecommendations();
        v1.MapTraining();
        v1.MapImports();
        v1.MapFeedback();
        v1.MapMonitoring();
        v1.MapWebhooks();
        v1.MapSync();
        v1.MapReports();
        v1.MapPrivacy();
        app.MapDashboard();
    }
}
