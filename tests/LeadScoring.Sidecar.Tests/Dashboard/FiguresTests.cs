using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Demo;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Experiments;
using LeadScoring.Sidecar.Tests.Monitoring;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Dashboard;

/// <summary>What pages show is what the API answers, and what the API answers is what plain SQL over the stored scores and outcomes gives.</summary>
[Trait("Category", "Slow")]
public sealed class FiguresTests : IAsyncLifetime
{
    private const long DayMs = 86_400_000;
    private const long HorizonMs = 90 * DayMs;

    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<List<T>> SqlAsync<T>(TestOrganization organization, string sql, object? more = null)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        var values = new DynamicParameters(more);
        values.Add("Id", organization.Id);
        return (await connection.QueryAsync<T>(sql, values)).AsList();
    }

    private static async Task<JsonElement> ApiAsync(TestOrganization organization, string path)
    {
        var (status, body) = await organization.GetAsync(path);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    // The clock jumps by months, and a session ends within hours.
    private async Task<PageFigures> PageAsync(TestOrganization organization, string path)
    {
        var (response, html) = await (await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal())).GetAsync("/dashboard" + path);
        Assert.True(response.StatusCode == HttpStatusCode.OK, html);
        return new PageFigures(html);
    }

    [NativeXGBoostFact]
    public async Task DemoYear_PagesApiAndSql_SayTheSame()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var organization = traffic.Organization;
        var decided = await traffic.ScoreAsync(600);
        clock.Advance(TimeSpan.FromDays(7));
        await sidecar.Get<CheckDrift>().RunAsync(organization.Id, CancellationToken.None);
        var failed = new List<Exception>();
        async Task CheckAsync(Func<TestOrganization, Task> check)
        {
            if (await Record.ExceptionAsync(() => check(organization)) is { } e) failed.Add(e);
        }

        await CheckAsync(DriftAsync);
        clock.Advance(TimeSpan.FromDays(DemoWorldSettings.HorizonDays + 1));
        await traffic.TellOutcomesAsync(decided);
        // Scored once more since: what a lead was decided by stays what it was.
        foreach (var lead in decided.Take(20)) await organization.ScoreAsync(new { lead_id = lead.LeadId, lead = new { showing_requests = 9, call_count = 9, calc_usage = 9, virtual_tours = 9 } });
        await traffic.ScoreAsync(60);
        // Two that change their grade: what they did since makes one better and, taken back, worse again.
        var id = (await SqlAsync<string>(organization, "select lead_id from leads where organization_id = @Id and closed_at_ms is null order by score, lead_id limit 1"))[0];
        await organization.ScoreAsync(new { lead_id = id, lead = new { showing_requests = 6, call_count = 6, calc_usage = 6, forms_completed = 6, properties_viewed_count = 40, website_sessions = 30, virtual_tours = 5, email_open_rate = 0.9 } });
        // Once more, a second later: a lead is scored at most once at a moment.
        clock.Advance(TimeSpan.FromSeconds(1));
        await organization.ScoreAsync(new { lead_id = id, lead = new { showing_requests = 0, call_count = 0, calc_usage = 0, forms_completed = 0, properties_viewed_count = 0, website_sessions = 1, virtual_tours = 0, email_open_rate = 0 } });

        foreach (var check in (Func<TestOrganization, Task>[])[TodayAsync, LeadsAsync, BusinessAsync, FairnessAsync, ModelAsync, ViewsAsync]) await CheckAsync(check);
        Assert.True(failed.Count == 0, string.Join("\n\n", failed.Select(e => e.ToString())));
    }

    private async Task TodayAsync(TestOrganization organization)
    {
        const string Mix = "select grade, count(*) from leads where organization_id = @Id and closed_at_ms is null and score is not null group by grade";
        const string Changed = """
            select sum(case when change = 1 then 1 else 0 end), sum(case when grade < before then 1 else 0 end), sum(case when grade > before then 1 else 0 end)
            from (select lead_id, change, grade, scored_at_ms, lag(grade) over (partition by lead_id order by change) as before from scores where organization_id = @Id) as s where scored_at_ms >= @sinceMs
            """;
        const string Best = "select lead_id, score from leads where organization_id = @Id and closed_at_ms is null and exclusion is null and score is not null order by score desc, lead_id desc limit 15";
        var (page, api) = (await PageAsync(organization, ""), await ApiAsync(organization, "/v1/grade-changes"));
        var mix = (await SqlAsync<(string Grade, long Leads)>(organization, Mix)).ToDictionary(m => m.Grade, m => m.Leads);
        foreach (var grade in (string[])["A", "B", "C", "D"])
        {
            Assert.Equal(mix.GetValueOrDefault(grade), api.GetProperty("grades").GetProperty(grade).GetInt64());
            Assert.Equal(mix.GetValueOrDefault(grade), page.One("grade_" + grade));
        }

        Assert.Equal(60, page.One("open"));
        var (first, up, down) = Assert.Single(await SqlAsync<(long, long, long)>(organization, Changed, new { sinceMs = clock.GetUtcNow().ToUnixTimeMilliseconds() - DayMs }));
        Assert.Equal((first, up, down), (api.Int("first_scored"), api.Int("up"), api.Int("down")));
        Assert.Equal((first, up, down), (page.One("first_scored"), page.One("up"), page.One("down")));
        Assert.True(up > 0 && down > 0, $"{up} up, {down} down");

        var best = await SqlAsync<(string LeadId, double Score)>(organization, Best);
        var queue = (await ApiAsync(organization, "/v1/call-queue?limit=15")).GetProperty("leads").EnumerateArray().ToArray();
        Assert.Equal(best, queue.Select(l => (l.Text("lead_id")!, l.GetProperty("score").GetDouble())));
        Assert.Equal(best, page.Table("calls").Select(r => (r.Key, r.Value[0]!.Value)));
    }

    private async Task LeadsAsync(TestOrganization organization)
    {
        const string Sql = "select lead_id, score, probability from leads where organization_id = @Id and closed_at_ms is null and score is not null order by score desc, lead_id desc limit 50";
        var rows = await SqlAsync<(string LeadId, double Score, double Probability)>(organization, Sql);
        var api = (await ApiAsync(organization, "/v1/leads?is_open=true&order=-score&limit=50")).GetProperty("leads").EnumerateArray().ToArray();
        Assert.Equal(rows.Select(r => (r.LeadId, r.Score, Math.Round(r.Probability, 6))), api.Select(l => (l.Text("lead_id")!, l.GetProperty("score").GetDouble(), l.GetProperty("conversion_probability").GetDouble())));
        var shown = System.Text.RegularExpressions.Regex.Matches((await PageAsync(organization, "/leads")).Html, "data-name=\"Score\" data-value=\"([^\"]*)\".*?data-name=\"Converts\" data-value=\"([^\"]*)\"", System.Text.RegularExpressions.RegexOptions.Singleline);
        Assert.Equal(api.Select(l => (l.GetProperty("score").GetRawText(), l.GetProperty("conversion_probability").GetRawText())), shown.Select(m => (m.Groups[1].Value, m.Groups[2].Value)));
    }

    private sealed record GradeRow
    {
        public string Grade { get; init; } = "";
        public int Leads { get; init; }
        public int Converted { get; init; }
        public double Revenue { get; init; }
    }

    private async Task BusinessAsync(TestOrganization organization)
    {
        const string Sql = """
            select s.grade as Grade, count(*) as Leads, sum(case when o.converted = 1 and o.occurred_at_ms <= s.scored_at_ms + @HorizonMs then 1 else 0 end) as Converted,
                   sum(case when o.converted = 1 and o.occurred_at_ms <= s.scored_at_ms + @HorizonMs then o.revenue else 0 end) as Revenue
            from outcomes o join scores s on s.organization_id = o.organization_id and s.lead_id = o.lead_id
            where o.organization_id = @Id and s.scored_at_ms < o.occurred_at_ms
              and s.change = (select max(c.change) from scores c where c.organization_id = o.organization_id and c.lead_id = o.lead_id and c.scored_at_ms <= o.as_of_ms)
            group by s.grade
            """;
        var rows = (await SqlAsync<GradeRow>(organization, Sql, new { HorizonMs })).ToDictionary(r => r.Grade);
        var (page, api) = (await PageAsync(organization, "/business?handler=Figures"), await ApiAsync(organization, "/v1/monitoring/business"));
        Assert.Equal(600, page.One("decisions"));
        Assert.Equal(rows.Values.Sum(r => r.Leads), api.Int("decisions"));
        Assert.Equal(api.GetProperty("queue").Int("wasted_by_score"), page.One("wasted_by_score"));
        var (table, conversion, falsePositives) = (page.Table("grades"), page.Chart("Conversion"), page.Chart("False positives"));
        foreach (var grade in api.GetProperty("grades").EnumerateArray())
        {
            var (name, of) = (grade.Text("name")!, grade.GetProperty("conversion"));
            var row = rows.GetValueOrDefault(name) ?? new GradeRow();
            Assert.Equal((row.Leads, row.Converted), (grade.Int("leads"), of.Int("count")));
            Assert.Equal(row.Revenue, grade.GetProperty("revenue").GetDouble(), 0.006);
            var isWorked = grade.TryGetProperty("false_positives", out var wrong);
            if (isWorked) Assert.Equal(row.Leads - row.Converted, wrong.Int("count"));
            var rate = of.TryGetProperty("value", out var value) ? value.GetDouble() : (double?)null;
            Assert.Equal(row.Leads == 0 ? null : (double?)Math.Round(row.Converted / (double)row.Leads, 4), rate is { } r ? Math.Round(r, 4) : null);
            Assert.Equal([grade.Int("leads"), of.Int("count"), rate, isWorked ? wrong.Int("count") : null, grade.GetProperty("revenue").GetDouble()], table[name][..5]);
            Assert.Equal(rate, conversion[name][0]);
            Assert.Equal(isWorked && wrong.TryGetProperty("value", out var share) ? share.GetDouble() : null, falsePositives[name][0]);
        }
    }

    private async Task FairnessAsync(TestOrganization organization)
    {
        var gender = sidecar.Get<Database>().IsPostgres ? "l.attributes::json ->> 'gender'" : "json_extract(l.attributes, '$.gender')";
        var sql = $"""
            select {gender}, count(*), avg(s.score) / 100, avg(case when o.converted = 1 and o.occurred_at_ms <= s.scored_at_ms + @HorizonMs then 1.0 else 0.0 end)
            from outcomes o join scores s on s.organization_id = o.organization_id and s.lead_id = o.lead_id and s.change = 1 join leads l on l.organization_id = o.organization_id and l.lead_id = o.lead_id
            where o.organization_id = @Id and {gender} is not null group by {gender} having count(*) >= 100
            """;
        var rows = (await SqlAsync<(string Group, long Leads, double Score, double Rate)>(organization, sql, new { HorizonMs })).ToDictionary(r => r.Group);
        Assert.True(rows.Count >= 2, "Fewer than two groups.");
        var api = (await ApiAsync(organization, "/v1/monitoring/fairness")).GetProperty("observed").GetProperty("attributes").EnumerateArray().Single(a => a.Text("attribute") == "gender");
        var shown = (await PageAsync(organization, "/fairness?handler=Figures")).Chart("Gender, observed");
        Assert.Equal(rows.Count, shown.Count);
        foreach (var group in api.GetProperty("groups").EnumerateArray())
        {
            var row = rows[group.Text("group")!];
            Assert.Equal(row.Leads, group.Int("leads"));
            Assert.Equal(row.Score, group.GetProperty("mean_score").GetDouble(), 1e-4);
            Assert.Equal(row.Rate, group.GetProperty("conversion_rate").GetDouble(), 1e-4);
            Assert.Equal(group.GetProperty("mean_score").GetDouble(), shown[group.Text("group")!][0]!.Value, 1e-4);
            Assert.Equal(group.GetProperty("conversion_rate").GetDouble(), shown[group.Text("group")!][1]!.Value, 1e-9);
        }
    }

    private async Task ModelAsync(TestOrganization organization)
    {
        // Of every pair of a lead that converted and one that did not, how often the former had the higher score: that is what ROC AUC means.
        const string Decided = """
            (select s.probability as p, case when o.converted = 1 and o.occurred_at_ms <= s.scored_at_ms + @HorizonMs then 1 else 0 end as y
             from outcomes o join scores s on s.organization_id = o.organization_id and s.lead_id = o.lead_id and s.change = 1 where o.organization_id = @Id)
            """;
        const string Auc = $"select avg(case when a.p > b.p then 1.0 when a.p = b.p then 0.5 else 0.0 end) from {Decided} as a join {Decided} as b on a.y = 1 and b.y = 0";
        const string Sums = $"select count(*), avg(y * 1.0), avg(p), avg((p - y) * (p - y)) from {Decided} as d";
        var auc = Assert.Single(await SqlAsync<double>(organization, Auc, new { HorizonMs }));
        var (outcomes, rate, mean, brier) = Assert.Single(await SqlAsync<(long, double, double, double)>(organization, Sums, new { HorizonMs }));
        var measured = (await ApiAsync(organization, "/v1/monitoring/performance")).GetProperty("models").EnumerateArray().Single(m => m.Int("model_version") == 1).GetProperty("measured");
        double[] told =
        [
            measured.Int("outcomes"), measured.GetProperty("conversion_rate").GetProperty("value").GetDouble(), measured.GetProperty("mean_probability").GetDouble(), measured.GetProperty("roc_auc").GetProperty("value").GetDouble(), measured.GetProperty("brier").GetDouble(),
        ];
        foreach (var (sql, api) in new[] { outcomes, rate, mean, auc, brier }.Zip(told)) Assert.Equal(sql, api, 5.1e-5);
        var live = (await PageAsync(organization, "/model?handler=Figures")).Table("live")["Model 1"];
        Assert.Equal([told[0], told[1], told[2], told[3], told[4]], live);

        // What training found stands in the registry; of that the page has the figures, and the area under its curve is the one it says.
        var manifest = JsonElement.Parse(Assert.Single(await SqlAsync<string>(organization, "select manifest from models where organization_id = @Id and version = 1")));
        var forward = manifest.GetProperty("evaluation").GetProperty("forward");
        var page = await PageAsync(organization, "/model");
        Assert.Equal(forward.GetProperty("metrics").GetProperty("roc_auc").GetDouble(), page.One("roc_auc"));
        Assert.Equal(forward.GetProperty("metrics").GetProperty("grade_a_precision").GetDouble(), page.One("grade_a_precision"));
        Assert.Equal(forward.GetProperty("lift_at_capacity").GetDouble(), page.One("lift_at_capacity"));
        Assert.Equal(forward.GetProperty("metrics").GetProperty("ece").GetDouble(), page.One("ece"));
        var told2 = (await ApiAsync(organization, "/v1/models/1")).GetProperty("manifest").GetProperty("evaluation").GetProperty("forward").GetProperty("metrics");
        Assert.Equal(told2.GetProperty("roc_auc").GetDouble(), page.One("roc_auc"));
        var points = forward.GetProperty("roc").EnumerateArray().Select(p => (X: p.GetProperty("x").GetDouble(), Y: p.GetProperty("y").GetDouble())).ToArray();
        var area = points.Zip(points.Skip(1)).Sum(p => (p.Second.X - p.First.X) * (p.Second.Y + p.First.Y) / 2);
        Assert.Equal(page.One("roc_auc"), area, 0.005);
        Assert.Equal(points.Select(p => Math.Round(p.X, 4)).Distinct().Count(), page.Chart("ROC curve").Values.Count(v => v[1] is not null));
    }

    private async Task DriftAsync(TestOrganization organization)
    {
        var api = await ApiAsync(organization, "/v1/monitoring/drift");
        var week = api.At("windows", 0);
        var (fromMs, toMs) = (week.GetProperty("from").GetDateTimeOffset().ToUnixTimeMilliseconds(), week.GetProperty("to").GetDateTimeOffset().ToUnixTimeMilliseconds());
        var first = await SqlAsync<double>(organization, "select probability from scores where organization_id = @Id and change = 1 and scored_at_ms >= @fromMs and scored_at_ms < @toMs order by probability", new { fromMs, toMs });
        Assert.Equal(600, first.Count);
        var page = await PageAsync(organization, "/drift");
        Assert.Equal((first.Count, week.Int("leads")), ((int)page.All("leads_7")[0], first.Count));

        // Kolmogorov-Smirnov of the probabilities: the largest distance of two shares "up to here", those of now counted from the stored scores.
        var reference = (await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None)).Bundle!.PredictionReference!;
        double largest = 0, before = 0;
        for (var c = 0; c < reference.Bounds!.Length; c++)
        {
            before += reference.Counts[c] / (double)reference.Known;
            var bound = reference.Bounds[c];
            largest = Math.Max(largest, Math.Abs(before - (first.Count(p => p <= bound) / (double)first.Count)));
        }

        var report = week.GetProperty("report");
        var values = report.GetProperty("prediction").GetProperty("tests").EnumerateArray().Single(t => t.Text("aspect") == "values");
        Assert.Equal(largest, values.GetProperty("distance").GetDouble(), 2e-3);
        Assert.Equal(values.GetProperty("distance").GetDouble(), page.Chart("Probabilities")["Values"][0]);
        foreach (var feature in report.GetProperty("features").EnumerateArray())
        {
            var chart = page.Chart(char.ToUpperInvariant(feature.Text("feature")![0]) + feature.Text("feature")![1..].Replace('_', ' '));
            Assert.Equal(feature.GetProperty("tests").EnumerateArray().Select(t => (double?)Math.Abs(t.GetProperty("distance").GetDouble())), chart.Values.Select(v => v[0]));
        }
    }

    /// <summary>The views for BI tools give the API's figures, and nothing that identifies a person beyond the lead's id.</summary>
    private async Task ViewsAsync(TestOrganization organization)
    {
        var changes = await ApiAsync(organization, "/v1/grade-changes");
        foreach (var (grade, leads) in await SqlAsync<(string, long)>(organization, "select grade, count(*) from bi_leads where organization_id = @Id and is_open = 1 and score is not null group by grade"))
            Assert.Equal(changes.GetProperty("grades").GetProperty(grade).GetInt64(), leads);
        var business = (await ApiAsync(organization, "/v1/monitoring/business")).GetProperty("grades").EnumerateArray().ToDictionary(g => g.Text("name")!);
        var decided = await SqlAsync<GradeRow>(organization, "select decided_grade as Grade, count(*) as Leads, sum(converted) as Converted, sum(case when converted = 1 then revenue else 0 end) as Revenue from bi_outcomes where organization_id = @Id group by decided_grade");
        Assert.Equal(600, decided.Sum(d => d.Leads));
        foreach (var row in decided)
        {
            Assert.Equal((row.Leads, row.Converted), (business[row.Grade].Int("leads"), business[row.Grade].GetProperty("conversion").Int("count")));
            Assert.Equal(row.Revenue, business[row.Grade].GetProperty("revenue").GetDouble(), 0.006);
        }

        var ledger = Assert.Single(await SqlAsync<(long, long)>(organization, "select count(*), sum(case when change = 1 then 1 else 0 end) from bi_scores where organization_id = @Id"));
        Assert.Equal(ledger, Assert.Single(await SqlAsync<(long, long)>(organization, "select cast(sum(first_scored) + sum(rescored) as bigint), cast(sum(first_scored) as bigint) from bi_grades_daily where organization_id = @Id")));
        Assert.Equal((1L, 1L), Assert.Single(await SqlAsync<(long, long)>(organization, "select version, is_champion from bi_models where organization_id = @Id")));
        foreach (var view in (string[])["bi_leads", "bi_scores", "bi_outcomes", "bi_grades_daily", "bi_feedback", "bi_reviews", "bi_actions", "bi_models"])
        {
            await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
            await using var reader = await connection.ExecuteReaderAsync($"select * from {view} where organization_id = @Id", new { organization.Id });
            string[] columns = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
            Assert.Equal("organization_id", columns[0]);
            Assert.DoesNotContain(columns, c => c is "attributes" or "reason" or "comment" or "bundle" or "manifest" || c.Contains("secret", StringComparison.Ordinal) || c.EndsWith("_by", StringComparison.Ordinal) && c != "scored_by" || c.EndsWith("_ms", StringComparison.Ordinal));
        }
    }

    [NativeXGBoostFact]
    public async Task Experiment_PageApiAndSql_SayTheSame()
    {
        const string Sql = """
            select e.is_challenger, count(*), sum(case when o.converted = 1 and o.occurred_at_ms <= e.exposed_at_ms + 604800000 then 1 else 0 end)
            from experiment_leads e join outcomes o on o.organization_id = e.organization_id and o.lead_id = e.lead_id where e.organization_id = @Id and e.exposed_at_ms + 604800000 <= @nowMs group by e.is_challenger
            """;
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(new { name = "planted", kind = "split", challenger = 2, horizon_days = 7, guardrail = 0.3, margin = 0, most_leads = 20_000, most_weeks = 52, promote = false });
        await world.PlantAsync(experiment, 120, i => i % 2 == 1, challenger => challenger ? 30 : 25);
        clock.Advance(TimeSpan.FromDays(8));
        await world.CheckAsync();
        var figures = (await world.ReadAsync(experiment)).GetProperty("figures");
        var arms = (await SqlAsync<(int IsChallenger, long Leads, long Converted)>(world.Organization, Sql, new { nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds() })).ToDictionary(a => a.IsChallenger);
        var page = await PageAsync(world.Organization, "/experiments");
        Assert.Equal(arms.Values.Sum(a => a.Leads), figures.Int("counted"));
        Assert.Equal((figures.Int("leads"), figures.Int("counted")), ((int)page.One("leads"), (int)page.One("counted")));
        foreach (var (arm, name) in ((int, string)[])[(0, "champion"), (1, "challenger")])
        {
            Assert.Equal((arms[arm].Leads, arms[arm].Converted), (figures.GetProperty(name).Int("leads"), figures.GetProperty(name).Int("converted")));
            Assert.Equal((arms[arm].Leads, arms[arm].Converted), ((long)page.One(name + "_leads"), (long)page.One(name + "_converted")));
        }
    }
}
