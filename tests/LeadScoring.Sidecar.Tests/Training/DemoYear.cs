using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Demo;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Training;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>A clock that a year is played on.</summary>
internal sealed class YearClock : TimeProvider
{
    // A Monday, as the windows of the drift check begin with.
    internal static readonly DateTimeOffset Start = new(2025, 1, 6, 0, 0, 0, TimeSpan.Zero);

    private long nowMs = Start.ToUnixTimeMilliseconds();

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Volatile.Read(ref nowMs));

    internal void Set(DateTimeOffset moment) => Volatile.Write(ref nowMs, moment.ToUnixTimeMilliseconds());
}

/// <summary>What is planted in a year, and how large it is.</summary>
internal sealed record YearPlan
{
    /// <summary>Leads that are decided in a week.</summary>
    internal required int LeadsPerWeek { get; init; }

    /// <summary>Leads with an outcome from before the year, evenly over <see cref="HistoryWeeks"/>.</summary>
    internal required int History { get; init; }

    internal int HistoryWeeks { get; init; } = 26;
    internal int Weeks { get; init; } = 52;

    /// <summary>Week from whose first day on each drift acts; null for a year without.</summary>
    internal (int Feature, int Concept, int BaseRate)? Drift { get; init; } = (20, 30, 40);

    internal double BaseRateShift { get; init; } = -1.2;

    /// <summary>Days in which a lead converts or does not, in the world and in the organization's profile.</summary>
    internal int HorizonDays { get; init; } = 14;

    internal required object Training { get; init; }

    internal int Seed { get; init; } = 1;

    /// <summary>Leads of each stretch of the year that champions are held against the truth with.</summary>
    internal int Judged { get; init; } = 3_000;

    /// <summary>
    /// The schedule of the product, but that hourly jobs run once a day, when a day's leads and outcomes are in, that of performance twice a week, and outcomes are collected once a week. Jobs that have no part in the learning loop do not run.
    /// </summary>
    internal const string JobSettings = "drift=0 10 6 * * ?; performance=0 20 6 ? * MON,THU; retrain_check=0 30 6 * * ?; outcomes=0 15 2 ? * SUN; sync=off; reports=off; experiments=off; contact_norms=off; retention=off; reviews=off";
}

/// <summary>A champion against the truth of its time.</summary>
internal sealed record JudgedChampion(double Week, int Version, double Auc, double BayesAuc, double Loss, double BayesLoss);

/// <summary>A promotion: the expected log loss of what came and of what went, on the world of which a week's outcomes are known by then, and on that of which the first are.</summary>
internal sealed record YearPromotion(double Week, int Version, int? Before, double Loss, double LossBefore, string Reason)
{
    internal required double NewestLoss { get; init; }
    internal required double NewestLossBefore { get; init; }
}

/// <summary>What happened.</summary>
internal sealed class YearStory
{
    internal List<JudgedChampion> Champions { get; } = [];
    internal List<YearPromotion> Promotions { get; } = [];
    internal List<(double Week, string What)> Refused { get; } = [];
    internal List<(double Week, string Kind, string Feature, string Aspect, int Days)> Alarms { get; } = [];
    internal Dictionary<string, double> Seconds { get; } = new(StringComparer.Ordinal);
    internal List<string> Errors { get; } = [];
}

/// <summary>
/// Plays a year of the demo world against the service: each day's leads come in and are scored, what became of earlier ones is told when it is known, the jobs run at their times, and queued
/// trainings are trained.
/// </summary>
internal sealed class DemoYear(IServiceProvider services, HttpClient client, YearClock clock, string organizationId, YearPlan plan, Action<string> tell)
{
    private const int JudgedFrom = 10_000_000;
    private static readonly long DayMs = ActivityState.DayMs;
    private static readonly TimeSpan HandOver = TimeSpan.FromHours(12);

    private readonly YearStory story = new();
    private readonly Dictionary<int, JudgedLeads> judged = [];
    private readonly PriorityQueue<DemoLead, long> open = new();
    private DemoWorld world = null!;
    private int next;
    private int told;

    /// <summary>Leads of one stretch of the year with their true probabilities.</summary>
    private sealed record JudgedLeads((LeadSnapshot Lead, long DecisionMs)[] Leads, double[] Truth, double BayesAuc, double BayesLoss)
    {
        private readonly Dictionary<string, FeatureValue[][]> values = new(StringComparer.Ordinal);

        /// <summary>Their features as a model asks for them: one that left some out asks for fewer.</summary>
        internal FeatureValue[][] Values(FeatureProfile profile)
        {
            if (values.TryGetValue(profile.FeaturesHash, out var known)) return known;
            var extractor = new FeatureExtractor(profile);
            return values[profile.FeaturesHash] = Array.ConvertAll(Leads, l => extractor.Extract(l.Lead, l.DecisionMs));
        }
    }

    private T Get<T>() where T : notnull => services.GetRequiredService<T>();

    private double Week => (clock.GetUtcNow() - YearClock.Start).TotalDays / 7;

    internal async Task<YearStory> RunAsync()
    {
        world = new DemoWorld(DemoWorldSettings.Default(YearClock.Start.ToUnixTimeMilliseconds()) with
        {
            Seed = plan.Seed, OutcomeDays = plan.HorizonDays, FeatureDrift = From(plan.Drift?.Feature, 1), ConceptDrift = From(plan.Drift?.Concept, 1), BaseRateShift = From(plan.Drift?.BaseRate, plan.BaseRateShift),
        });
        await Timed("start", StartAsync);
        var jobs = Get<JobSchedules>();
        for (var day = 0; day < 7 * plan.Weeks; day++)
        {
            var from = YearClock.Start.AddDays(day);
            foreach (var (at, job) in Due(jobs, from, from + HandOver)) await RunAsync(at, job);
            clock.Set(from + HandOver);
            await Timed("leads", () => BringAsync(Between(day, plan.LeadsPerWeek), isHistory: false));
            await Timed("outcomes", TellOutcomesAsync);
            foreach (var (at, job) in Due(jobs, from + HandOver, from.AddDays(1))) await RunAsync(at, job);
            if (day % 7 == 6) await Timed("judge", JudgeAsync);
        }

        foreach (var alarm in (await Get<DriftAlarmStore>().ListAsync(organizationId, int.MaxValue, CancellationToken.None)).OrderBy(a => a.OpenedAtMs))
        {
            story.Alarms.Add((WeekOf(alarm.OpenedAtMs), alarm.Kind, alarm.Feature, alarm.Aspect, alarm.Days));
            tell(FormattableString.Invariant($"alarm, week {WeekOf(alarm.OpenedAtMs):0.00}: {alarm.Kind} {alarm.Feature} {alarm.Aspect} {alarm.Days}, model {alarm.ModelVersion}: {alarm.Detail}"));
        }

        return story;
    }

    private static double WeekOf(long ms) => (ms - YearClock.Start.ToUnixTimeMilliseconds()) / (7.0 * DayMs);

    private static DemoDrift From(int? week, double strength) => week is { } w ? new DemoDrift(YearClock.Start.AddDays(7 * w).ToUnixTimeMilliseconds(), strength) : DemoDrift.None;

    private static int Between(int day, int perWeek) => ((day + 1) * perWeek / 7) - (day * perWeek / 7);

    private static IEnumerable<(DateTimeOffset At, ScheduledJob Job)> Due(JobSchedules schedules, DateTimeOffset after, DateTimeOffset until)
    {
        var due = new List<(DateTimeOffset At, ScheduledJob Job)>();
        foreach (var job in schedules.Jobs)
        {
            for (var at = schedules.NextAfter(job.Name, after); at is { } moment && moment <= until; at = schedules.NextAfter(job.Name, moment)) due.Add((moment, job));
        }

        return due.OrderBy(d => d.At);
    }

    /// <summary>An organization with its own horizon, its history, and a first model that somebody asks for.</summary>
    private async Task StartAsync()
    {
        var profile = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "profiles", "real-estate.yml"));
        await SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = profile.Replace("horizon_days: 90", $"horizon_days: {plan.HorizonDays}", StringComparison.Ordinal) });
        // History ends where its last outcome is known.
        for (var day = 0; day < 7 * plan.HistoryWeeks; day++)
        {
            clock.Set(YearClock.Start.AddDays(day - (7 * plan.HistoryWeeks)) + HandOver);
            var total = 7 * plan.HistoryWeeks;
            await BringAsync((int)(((day + 1L) * plan.History / total) - ((long)day * plan.History / total)), isHistory: true);
        }

        clock.Set(YearClock.Start);
        await TellOutcomesAsync();
        await SendAsync(HttpMethod.Post, "/v1/training-runs", new { settings = plan.Training });
        await TrainQueuedAsync();
        await JudgeAsync();
    }

    private async Task BringAsync(int count, bool isHistory)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var leads = new DemoLead[count];
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i => leads[i] = world.LeadDecidedAt(next + i, nowMs));
        next += count;
        await Get<Database>().WriteAsync(async transaction =>
        {
            await Get<LeadStore>().UpsertAsync(transaction, organizationId, [.. leads.Select(l => new LeadWrite(l.LeadId, Json(l), l.CreatedAtMs))], CancellationToken.None);
            await Get<EventStore>().AppendAsync(transaction, organizationId, [.. leads.SelectMany(l => l.Events.Where(e => e.OccurredAtMs <= nowMs).Select(e => new LeadEvent(l.LeadId, e)))], CancellationToken.None);
        }, CancellationToken.None);
        if (!isHistory && count > 0) await SendAsync(HttpMethod.Post, "/v1/score/batch", new { items = leads.Select(l => new { lead_id = l.LeadId }) });
        foreach (var lead in leads) open.Enqueue(lead, lead.Outcome!.OccurredAtMs);
    }

    private static Dictionary<string, string?> Json(DemoLead lead) =>
        lead.Attributes.Where(a => !a.Value.IsMissing).ToDictionary(a => a.Key, a => (string?)(a.Value.Kind == AttributeKind.Number ? a.Value.AsText() : JsonSerializer.Serialize(a.Value.AsText())), StringComparer.Ordinal);

    /// <summary>What is known by now, as a CRM says it: won, or closed as lost.</summary>
    private async Task TellOutcomesAsync()
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var known = new List<DemoLead>();
        while (open.TryPeek(out var lead, out var at) && at <= nowMs)
        {
            known.Add(lead);
            open.Dequeue();
        }

        foreach (var chunk in known.Chunk(1_000))
        {
            await SendAsync(HttpMethod.Post, "/v1/outcomes", new
            {
                outcomes = chunk.Select(l => new { lead_id = l.LeadId, converted = l.Outcome!.Converted, occurred_at = Text(l.Outcome.OccurredAtMs), as_of = Text(l.DecisionMs), stage = l.Outcome.Converted ? "won" : "closed_lost", source = "crm" }),
            });
        }

        told += known.Count;
    }

    private static string Text(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("O", CultureInfo.InvariantCulture);

    private async Task RunAsync(DateTimeOffset at, ScheduledJob job)
    {
        clock.Set(at);
        await Timed(job.Name, () => Get<RunJob>().RunAsync(job, isRecovery: false, CancellationToken.None));
        var run = (await Get<JobRunStore>().ListAsync(organizationId, 1, CancellationToken.None))[job.Name].First();
        if (run.Error is { } error) story.Errors.Add($"week {Week:0.0}, {job.Name}: {error}");
        await Timed("training", TrainQueuedAsync);
    }

    /// <summary>As the queue does, in this process: a child would go by the machine's clock.</summary>
    private async Task TrainQueuedAsync()
    {
        while (await Get<TrainingRunStore>().TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None) is { } run)
        {
            var before = await Get<ActiveModels>().GetAsync(organizationId, CancellationToken.None);
            TrainedVersion trained;
            try
            {
                trained = await Get<TrainModel>().RunAsync(run, new Silent(), CancellationToken.None);
            }
            catch (Exception e) when (e is TrainingException)
            {
                await Get<TrainingRunStore>().FailAsync(run, e.Message, CancellationToken.None);
                story.Refused.Add((Week, $"{run.Cause}: {e.Message}"));
                continue;
            }

            Get<ActiveModels>().Forget(organizationId);
            if (!trained.IsPromoted)
            {
                story.Refused.Add((Week, $"{run.Cause}: {trained.Reason}"));
                tell(FormattableString.Invariant($"week {Week:0.0}: {run.Cause}: kept, not promoted: {trained.Reason}"));
                continue;
            }

            var after = await Get<ActiveModels>().GetAsync(organizationId, CancellationToken.None);
            // Of the world of which a week's outcomes are known: what nobody can have learned of, no comparison can see.
            var truth = TruthAt(Week - (plan.HorizonDays / 7.0) - 1);
            var newest = TruthAt(Week - (plan.HorizonDays / 7.0));
            var promotion = new YearPromotion(Week, trained.Version, before.Version, Loss(after.Bundle!.Model, truth), before.Bundle is { } b ? Loss(b.Model, truth) : double.NaN, $"{run.Cause}: {trained.Reason}")
            {
                NewestLoss = Loss(after.Bundle.Model, newest), NewestLossBefore = before.Bundle is { } b2 ? Loss(b2.Model, newest) : double.NaN,
            };
            story.Promotions.Add(promotion);
            tell(FormattableString.Invariant($"week {Week:0.0}: {run.Cause}: version {trained.Version}, log loss {promotion.LossBefore:0.0000} -> {promotion.Loss:0.0000} (truth {truth.BayesLoss:0.0000}); {trained.Manifest.TrainRows} rows"));
        }
    }

    private async Task JudgeAsync()
    {
        var active = await Get<ActiveModels>().GetAsync(organizationId, CancellationToken.None);
        var truth = TruthAt(Week);
        if (active.Bundle is not { } bundle) return;
        double[] p = Score(bundle.Model, truth);
        story.Champions.Add(new JudgedChampion(Week, active.Version!.Value, ExpectedAuc(p, truth.Truth), truth.BayesAuc, ExpectedLoss(p, truth.Truth), truth.BayesLoss));
        var last = story.Champions[^1];
        tell(FormattableString.Invariant($"week {Week:0.0}: champion {last.Version}: AUC {last.Auc:0.000} of {last.BayesAuc:0.000}, log loss {last.Loss:0.000} of {last.BayesLoss:0.000}; {next} leads, {told} outcomes"));
    }

    private double Loss(EnsembleModel model, JudgedLeads truth) => ExpectedLoss(Score(model, truth), truth.Truth);

    private static double[] Score(EnsembleModel model, JudgedLeads truth) => Array.ConvertAll(truth.Values(model.Profile), v => model.Score(v).Probability);

    /// <summary>Leads of the world as it is in a week: it changes with the drifts, so they are made once for each stretch.</summary>
    private JudgedLeads TruthAt(double week)
    {
        var stretch = plan.Drift is not { } d ? 0 : new[] { d.Feature, d.Concept, d.BaseRate }.Count(w => week >= w);
        if (judged.TryGetValue(stretch, out var known)) return known;
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var (leads, truth) = (new (LeadSnapshot, long)[plan.Judged], new double[plan.Judged]);
        Parallel.For(0, plan.Judged, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            // A day of the week each.
            var lead = world.LeadDecidedAt(JudgedFrom + i, nowMs + (i % 7 * DayMs));
            leads[i] = (new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, lead.DecisionMs), lead.CreatedAtMs), lead.DecisionMs);
            truth[i] = lead.TrueProbability;
        });
        return judged[stretch] = new JudgedLeads(leads, truth, ExpectedAuc(truth, truth), ExpectedLoss(truth, truth));
    }

    /// <summary>The area under the ROC curve to be expected when each lead converts with its true probability: no luck of outcomes in it.</summary>
    internal static double ExpectedAuc(double[] scores, double[] truth)
    {
        int[] order = [.. Enumerable.Range(0, scores.Length).OrderBy(i => scores[i])];
        double negatives = 0, area = 0;
        for (var i = 0; i < order.Length;)
        {
            double ties = 0, tied = 0;
            var at = scores[order[i]];
            for (; i < order.Length && scores[order[i]] == at; i++) (ties, tied) = (ties + truth[order[i]], tied + 1 - truth[order[i]]);
            area += ties * (negatives + (tied / 2));
            negatives += tied;
        }

        return area / (truth.Sum() * negatives);
    }

    private static double ExpectedLoss(double[] p, double[] truth) => truth.Select((t, i) => -(t * Math.Log(Math.Clamp(p[i], 1e-6, 1 - 1e-6))) - ((1 - t) * Math.Log(1 - Math.Clamp(p[i], 1e-6, 1 - 1e-6)))).Average();

    private async Task SendAsync(HttpMethod method, string path, object body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = JsonContent.Create(body) };
        using var response = await client.SendAsync(request);
        if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"{path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        // A batch answers for each of its items.
        if (path != "/v1/outcomes") return;
        if (JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("rejected").GetInt32() > 0) throw new InvalidOperationException(await response.Content.ReadAsStringAsync());
    }

    private async Task Timed(string what, Func<Task> work)
    {
        var since = System.Diagnostics.Stopwatch.GetTimestamp();
        await work();
        story.Seconds[what] = story.Seconds.GetValueOrDefault(what) + System.Diagnostics.Stopwatch.GetElapsedTime(since).TotalSeconds;
    }

    private sealed class Silent : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
        }
    }
}
