using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Feedback;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Training;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Reports;

/// <summary>A week in a few sentences, for a mail or a channel: what changed, and what somebody should do. Figures are those of the routes it names.</summary>
internal static class GetWeeklyReport
{
    private const int Days = 7;
    private const int MostReviews = 200;

    /// <param name="Area">leads, outcomes, model, drift, reviews, scoring or connectors.</param>
    /// <param name="Text">One sentence.</param>
    /// <param name="See">Route that says more.</param>
    public sealed record Line(string Area, string Text, string See);

    /// <param name="Changed">What happened, in the order of reading.</param>
    /// <param name="ToDo">What somebody should do; empty when nothing is.</param>
    /// <param name="Text">Both as plain text with bullets, ready for a message.</param>
    public sealed record Response(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<Line> Changed, IReadOnlyList<Line> ToDo, string Text);

    private sealed record Outcomes
    {
        public int Won { get; init; }
        public int Lost { get; init; }
        public double Revenue { get; init; }
    }

    /// <summary>What the week is read from.</summary>
    internal sealed record Sources(
        Database Database, TimeProvider Time, ModelStore Models, ActiveModels Active, MonitoringStore Monitoring, DriftAlarmStore Alarms, IOptions<MonitoringOptions> MonitoringOptions, TrainingRunStore Trainings,
        ReviewStore Reviews, RescoringRunStore Rescorings, ConnectorAccounts Accounts, ConnectorStateStore Connectors, InboundStore Inbound, WriteBackStore Writes);

    internal static async Task<IResult> HandleAsync(
        Caller caller, [AsParameters] Sources from, HttpResponse response, CancellationToken cancellationToken, [Description("json (default), or html: a page that mails can hold.")] string format = "json")
    {
        if (format is not ("json" or "html")) throw ProblemException.Invalid("?format", "format is json or html.");
        var report = await OfAsync(caller, from, cancellationToken);
        if (format == "json") return TypedResults.Ok(report);
        response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
        response.Headers.XContentTypeOptions = "nosniff";
        return TypedResults.Content(Page(caller, report), "text/html; charset=utf-8");
    }

    private static async Task<Response> OfAsync(Caller caller, Sources from, CancellationToken cancellationToken)
    {
        var to = from.Time.GetUtcNow();
        var since = to.AddDays(-Days);
        List<Line> changed = [], toDo = [];
        await LeadsAsync();
        await OutcomesAsync();
        await ModelAsync();
        await DriftAsync();
        await WorkAsync();
        return new Response(since, to, changed, toDo, Plain(since, to, changed, toDo));

        async Task LeadsAsync()
        {
            var grades = (await GetGradeChanges.HandleAsync(caller, from.Database, from.Time, cancellationToken, MomentConverter.Text(since), 1)).Value!;
            var mix = string.Join(", ", grades.Grades.Select(g => Words($"{g.Value:N0} {g.Key}")));
            changed.Add(new("leads", Words($"Open leads with a score: {grades.Grades.Values.Sum():N0} ({mix}). New {grades.FirstScored:N0}, a better grade {grades.Up:N0}, a worse one {grades.Down:N0}."), "/v1/grade-changes"));
        }

        async Task OutcomesAsync()
        {
            const string Sql = """
                select coalesce(sum(case when converted = 1 then 1 else 0 end), 0) as Won, coalesce(sum(case when converted = 0 then 1 else 0 end), 0) as Lost,
                       coalesce(sum(case when converted = 1 then revenue else 0 end), 0) as Revenue
                from outcomes where organization_id = @OrganizationId and recorded_at_ms >= @sinceMs
                """;
            await using var connection = await from.Database.OpenConnectionAsync(cancellationToken);
            var week = await connection.QuerySingleAsync<Outcomes>(new CommandDefinition(Sql, new { caller.OrganizationId, sinceMs = since.ToUnixTimeMilliseconds() }, cancellationToken: cancellationToken));
            if (week.Won + week.Lost == 0)
                toDo.Add(new("outcomes", "No outcome came in this week. Without won and lost leads no model learns, and nobody sees when it is wrong: send them, or see to the connector.", "/v1/outcomes"));
            else
                changed.Add(new("outcomes", Words($"{Leads(week.Won)} converted and {week.Lost:N0} did not{(week.Revenue > 0 ? Words($", revenue {week.Revenue:N0}") : "")}."), "/v1/monitoring/business"));
        }

        async Task ModelAsync()
        {
            var champion = await from.Models.ChampionVersionAsync(caller.OrganizationId, cancellationToken);
            changed.Add(new("model", champion is { } version ? Words($"Model {version} is in force.") : "No model is in force yet: the profile's rules score.", "/v1/models"));
            foreach (var run in (await ListTrainingRuns.HandleAsync(caller, from.Trainings, from.Time, cancellationToken)).Value!.Runs.Where(r => r.FinishedAt >= since))
            {
                if (run.Status == TrainingStatus.Failed) toDo.Add(new("model", Words($"A training failed: {run.Reason}"), $"/v1/training-runs/{run.RunId}"));
                else changed.Add(new("model", Words($"A training ({Lower(run.Cause)}) {(run.IsPromoted ? Words($"made model {run.ModelVersion}, which took over") : Words($"made model {run.ModelVersion}, which did not take over"))}. {run.Reason}"), $"/v1/training-runs/{run.RunId}"));
            }
        }

        async Task DriftAsync()
        {
            var drift = (await GetDrift.HandleAsync(caller, from.Active, from.Monitoring, from.Alarms, from.MonitoringOptions, cancellationToken)).Value!;
            var open = drift.Alarms.Where(a => a.ClosedAt is null).ToArray();
            if (open.Length == 0) changed.Add(new("drift", drift.Note, "/v1/monitoring/drift"));
            toDo.AddRange(open.Select(a => new Line("drift", $"{a.Detail} {a.WhatToDo}", "/v1/monitoring/drift")));
        }

        async Task WorkAsync()
        {
            var reviews = (await ListReviews.HandleAsync(caller, from.Reviews, cancellationToken, limit: MostReviews)).Value!;
            if (reviews.Reviews.Count > 0) toDo.Add(new("reviews", Words($"{(reviews.NextCursor is null ? "" : "More than ")}{reviews.Reviews.Count:N0} scores wait for a person to look at."), "/v1/reviews"));
            var queue = (await GetRescoring.HandleAsync(caller, from.Database, from.Rescorings, from.Time, cancellationToken)).Value!;
            if (queue.SetAside > 0) toDo.Add(new("scoring", Words($"{queue.SetAside:N0} leads cannot be scored; the reasons are there."), "/v1/rescoring"));
            var connectors = (await ListConnectors.HandleAsync(caller, from.Accounts, from.Connectors, from.Inbound, from.Writes, from.Time, cancellationToken)).Value!;
            foreach (var account in connectors.Connectors)
            {
                if (account.LastError is { } error) toDo.Add(new("connectors", Words($"{account.Name}: {error} {account.WhatToDo}"), "/v1/connectors"));
                if (account.DeadWrites > 0) toDo.Add(new("connectors", Words($"{account.Name}: {account.DeadWrites:N0} scores could not be written back."), $"/v1/connectors/{account.Name}/dead-letters"));
            }
        }
    }

    private static string Plain(DateTimeOffset from, DateTimeOffset to, List<Line> changed, List<Line> toDo)
    {
        var text = new StringBuilder(Words($"Lead scoring, {from:yyyy-MM-dd} to {to:yyyy-MM-dd}\n"));
        foreach (var (title, lines) in (ReadOnlySpan<(string, List<Line>)>)[("What changed", changed), ("What to do", toDo)])
        {
            text.Append('\n').Append(title).Append('\n');
            foreach (var line in lines) text.Append("• ").Append(line.Text).Append('\n');
            if (lines.Count == 0) text.Append("• Nothing.\n");
        }

        return text.ToString();
    }

    /// <summary>Every text in it is encoded: reasons and names come from people's data.</summary>
    private static string Page(Caller caller, Response report)
    {
        var page = new StringBuilder(Words($"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Lead scoring, week to {report.To:yyyy-MM-dd}</title></head><body style=\"font:16px sans-serif;max-width:40rem;margin:1rem auto;padding:0 1rem\">"));
        page.Append(Words($"<h1 style=\"font-size:1.3rem\">Lead scoring of {Encode(caller.OrganizationId)}</h1><p>{report.From:yyyy-MM-dd} to {report.To:yyyy-MM-dd}</p>"));
        foreach (var (title, lines) in (ReadOnlySpan<(string, IReadOnlyList<Line>)>)[("What changed", report.Changed), ("What to do", report.ToDo)])
        {
            page.Append(Words($"<h2 style=\"font-size:1.1rem\">{title}</h2><ul>"));
            foreach (var line in lines) page.Append(Words($"<li>{Encode(line.Text)}</li>"));
            page.Append(lines.Count == 0 ? "<li>Nothing.</li></ul>" : "</ul>");
        }

        return page.Append("</body></html>").ToString();
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);

    private static string Leads(int number) => number == 1 ? "1 lead" : Words($"{number:N0} leads");

    private static string Lower(RetrainCause cause) => cause.ToString().ToLowerInvariant();

    private static string Words(FormattableString text) => text.ToString(CultureInfo.InvariantCulture).TrimEnd(' ');
}
