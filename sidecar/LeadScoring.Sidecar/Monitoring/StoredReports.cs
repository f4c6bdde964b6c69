using System.Globalization;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Feedback;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>What reports are made from.</summary>
internal sealed record ReportSources(
    ActiveModels Models, DecidedLeads Decided, AnonymousLeads Anonymous, ProfileStore Profiles, LeadStore Leads, FeedbackStore Feedback, OverrideStore Overrides, MonitoringStore Windows, DriftAlarmStore Alarms, CheckPerformance Performance,
    Database Database, IOptions<MonitoringOptions> Options, IOptions<ScoringOptions> Scoring, TimeProvider Time);

/// <summary>
/// Reports as they were last worked out. Joining a hundred thousand outcomes with the scores of their time takes seconds, and a page wants milliseconds: large organizations get what was worked out within the last two hours, with the moment,
/// and what the hourly job works out anew. Few outcomes are joined on the spot.
/// </summary>
internal sealed class StoredReports(Database database, ReportSources sources, IOptions<MonitoringOptions> options, IOptions<JsonOptions> json, TimeProvider time) : IOrganizationJob
{
    // The job comes every hour; one that is late costs nobody a wait.
    private static readonly TimeSpan Longest = TimeSpan.FromHours(2);
    private static readonly TimeSpan KeepOthers = TimeSpan.FromDays(1);

    /// <summary>The stored report where it may be used, else it is worked out.</summary>
    /// <param name="organizationId">Whose.</param>
    /// <param name="report">Its name.</param>
    /// <param name="parameters">What it is asked for; null for the defaults.</param>
    /// <param name="fresh">Whether to work it out in any case.</param>
    /// <param name="make">Works it out.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<ContentHttpResult> GetAsync<T>(string organizationId, string report, string? parameters, bool fresh, Func<ReportSources, Task<T>> make, CancellationToken cancellationToken)
    {
        var asked = await AskedAsync(organizationId, report, parameters, cancellationToken);
        var isLarge = await HasManyAsync(organizationId, cancellationToken);
        if (isLarge && !fresh && await FindAsync(organizationId, report, asked, cancellationToken) is { } stored) return Answer(stored);
        var atMs = time.NowMs();
        var body = JsonSerializer.Serialize(await make(sources), json.Value.SerializerOptions);
        if (isLarge) await PutAsync(organizationId, report, asked, parameters is null, atMs, body, cancellationToken);
        return Answer(body);
    }

    /// <summary>Works the default reports out anew, of organizations where somebody has asked for them, and forgets others after a day.</summary>
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Asked = "select distinct report from monitoring_reports where organization_id = @organizationId and is_default = 1";
        const string Forget = "delete from monitoring_reports where organization_id = @organizationId and (is_default = 0 or asked <> @current) and as_of_ms < @beforeMs";
        string[] reports;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            reports = [.. await connection.QueryAsync<string>(new CommandDefinition(Asked, new { organizationId }, cancellationToken: cancellationToken))];
        foreach (var report in reports) await RefreshAsync(organizationId, report, cancellationToken);
        var current = await AskedAsync(organizationId, "", null, cancellationToken);
        var forgotten = await database.WriteAsync(
            transaction => transaction.ExecuteAsync(Forget, new { organizationId, current, beforeMs = time.NowMs() - (long)KeepOthers.TotalMilliseconds }, cancellationToken), cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{reports.Length} reports worked out anew, {forgotten} forgotten.");
    }

    private Task RefreshAsync(string organizationId, string report, CancellationToken cancellationToken) => report switch
    {
        GetPerformance.Name => GetAsync(organizationId, report, null, fresh: true, s => GetPerformance.MakeAsync(organizationId, s, cancellationToken), cancellationToken),
        GetBusiness.Name => GetAsync(organizationId, report, null, fresh: true, s => GetBusiness.MakeAsync(organizationId, GetBusiness.DefaultDays, GetBusiness.DefaultCapacity, s, cancellationToken), cancellationToken),
        GetImpact.Name => GetAsync(organizationId, report, null, fresh: true, s => GetImpact.MakeAsync(organizationId, GetBusiness.DefaultDays, GetBusiness.DefaultCapacity, s, cancellationToken), cancellationToken),
        _ => GetAsync(organizationId, report, null, fresh: true, s => GetFairness.MakeAsync(organizationId, GetBusiness.DefaultDays, s, cancellationToken), cancellationToken),
    };

    /// <summary>Another champion is another question, so that nobody is told of the one before.</summary>
    private async Task<string> AskedAsync(string organizationId, string report, string? parameters, CancellationToken cancellationToken)
    {
        var version = (await sources.Models.GetAsync(organizationId, cancellationToken)).Version;
        return string.Create(CultureInfo.InvariantCulture, $"model {version}{(parameters is null ? "" : $" {report} {parameters}")}");
    }

    private async Task<bool> HasManyAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select count(*) from (select 1 from outcomes where organization_id = @organizationId limit @most) as o";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Sql, new { organizationId, most = options.Value.StoreReportsFrom }, cancellationToken: cancellationToken)) >= options.Value.StoreReportsFrom;
    }

    private async Task<string?> FindAsync(string organizationId, string report, string asked, CancellationToken cancellationToken)
    {
        const string Sql = "select body from monitoring_reports where organization_id = @organizationId and report = @report and asked = @asked and as_of_ms >= @sinceMs";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Sql, new { organizationId, report, asked, sinceMs = time.NowMs() - (long)Longest.TotalMilliseconds }, cancellationToken: cancellationToken));
    }

    private Task PutAsync(string organizationId, string report, string asked, bool isDefault, long atMs, string body, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into monitoring_reports (organization_id, report, asked, is_default, as_of_ms, body) values (@organizationId, @report, @asked, @isDefault, @atMs, @body)
            on conflict (organization_id, report, asked) do update set as_of_ms = excluded.as_of_ms, body = excluded.body
            """;
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { organizationId, report, asked, isDefault = isDefault ? 1 : 0, atMs, body }, cancellationToken), cancellationToken);
    }

    private static ContentHttpResult Answer(string body) => TypedResults.Content(body, "application/json; charset=utf-8");
}
