using System.Globalization;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Benchmarks;

/// <summary>Holds every answer against what the model of that moment gives for the lead as it was then, computed anew from the stored events.</summary>
internal sealed class AnswerCheck
{
    // A replica may score with the model before for so long (ActiveModels.TrustedMs), and clocks and commits take a moment.
    private const long PromotionSlackMs = 2_000;

    // What the score's six decimals round away.
    private const double Tolerance = 0.000_001_5;

    private sealed record Scoring(EnsembleModel Model, FeatureExtractor Extractor);

    private readonly Dictionary<int, Scoring> models = [];
    private readonly Dictionary<string, StoredLead> leads = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ActivityEvent>> before = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ActivityEvent Event, Call Call)[]> during;
    private readonly HashSet<string> storedEvents = new(StringComparer.Ordinal);
    private (int Version, long AtMs)[] promotions = [];

    private AnswerCheck(Dictionary<string, (ActivityEvent, Call)[]> during) => this.during = during;

    /// <param name="told">What was acknowledged while the faults went on.</param>
    internal static async Task<AnswerCheck> ReadAsync(string data, string database, string organizationId, Told told)
    {
        await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", data), new("LeadScoring:Database", database)]).Build();
        var sent = told.Events.ToLookup(e => e.LeadId);
        var calls = told.Events.ToDictionary(e => e.EventId, e => e.Call, StringComparer.Ordinal);
        var own = new Dictionary<string, List<(ActivityEvent Event, Call Call)>>(StringComparer.Ordinal);
        var check = new AnswerCheck([]);
        await foreach (var lead in app.Services.GetRequiredService<LeadStore>().StreamAllAsync(organizationId, CancellationToken.None)) check.leads[lead.LeadId] = lead;
        await foreach (var e in app.Services.GetRequiredService<EventStore>().ReadAllAsync(organizationId, CancellationToken.None))
        {
            check.storedEvents.Add(e.Event.EventId);
            if (!sent.Contains(e.LeadId)) continue;
            if (calls.TryGetValue(e.Event.EventId, out var call)) Of(own, e.LeadId).Add((e.Event, call));
            else Of(check.before, e.LeadId).Add(e.Event);
        }

        foreach (var (lead, events) in own) check.during[lead] = [.. events.OrderBy(e => e.Call.BeganMs)];
        var profile = (await app.Services.GetRequiredService<ProfileStore>().GetActiveAsync(organizationId, CancellationToken.None)).Profile;
        foreach (var row in await app.Services.GetRequiredService<ModelStore>().ListAsync(organizationId, CancellationToken.None))
        {
            var bundle = ModelBundle.Read(await app.Services.GetRequiredService<ModelStore>().GetBundleAsync(organizationId, row.Version, CancellationToken.None));
            var model = await app.Services.GetRequiredService<AnchorStore>().GetAsync(organizationId, row.Version, CancellationToken.None) is { } anchor ? bundle.Model.WithAnchor(anchor.Read()) : bundle.Model;
            check.models[row.Version] = new Scoring(model, new FeatureExtractor(profile.Without(bundle.Manifest.LeftOutFeatures.ToHashSet(StringComparer.Ordinal))));
        }

        await using var connection = await app.Services.GetRequiredService<Database>().OpenConnectionAsync(CancellationToken.None);
        check.promotions = [.. await connection.QueryAsync<(int, long)>("select version, promoted_at_ms from promotions where organization_id = @organizationId order by change", new { organizationId })];
        return check;
    }

    /// <summary>Event ids that were acknowledged and are not there.</summary>
    internal string[] LostEvents(Told told) => [.. told.Events.Where(e => e.Call.Body is not null && !storedEvents.Contains(e.EventId)).Select(e => e.EventId)];

    /// <summary>Leads whose acknowledged, stored score is newer than the one on the lead.</summary>
    internal string[] LostScores(Told told) =>
        [.. told.Scores.Where(s => !s.IsInline && s.Call.Body is not null).GroupBy(s => s.LeadId).Where(g => leads[g.Key].ScoredAtMs is not { } at || at < g.Max(s => Parse(s.Call.Body!).AtMs)).Select(g => g.Key)];

    /// <summary>Null when the answer is right; else why not.</summary>
    internal string? Fault(Told.Score score, IReadOnlyDictionary<string, AttributeValue> inline)
    {
        if (score.Call.Body is not { } body) return $"no answer: {score.Call.Why}";
        var (version, probability, points, atMs) = Parse(body);
        if (version is not { } by || !models.TryGetValue(by, out var model)) return "not scored by a model";
        if (!WasChampion(by, score.Call)) return $"scored by model {by}, which was not the champion";
        if (atMs < score.Call.BeganMs - 5 || atMs > score.Call.EndedMs + 5) return "of another moment than the request";
        foreach (var snapshot in Snapshots(score, inline, atMs))
        {
            var expected = model.Model.Score(model.Extractor.Extract(snapshot, atMs));
            if (Math.Abs(expected.Probability - probability) < Tolerance && Math.Abs(expected.Points - points) < 0.05001) return null;
        }

        return string.Create(CultureInfo.InvariantCulture, $"probability {probability}, which model {by} gives in none of the states that the lead had");
    }

    /// <summary>The lead with what was acknowledged before the request and, one by one, what was under way with it.</summary>
    private IEnumerable<LeadSnapshot> Snapshots(Told.Score score, IReadOnlyDictionary<string, AttributeValue> inline, long atMs)
    {
        if (score.IsInline)
        {
            yield return new LeadSnapshot(inline, new ActivityState(), atMs);
            yield break;
        }

        var lead = leads[score.LeadId];
        if (!during.TryGetValue(score.LeadId, out var events))
        {
            yield return lead.Snapshot;
            yield break;
        }

        var known = events.Count(e => e.Call.Body is not null && e.Call.EndedMs < score.Call.BeganMs);
        var possible = events.Count(e => e.Call.BeganMs <= score.Call.EndedMs);
        for (var n = known; n <= possible; n++)
            yield return lead.Snapshot with { Activity = ActivityState.Replay([.. before.GetValueOrDefault(score.LeadId, []), .. events.Take(n).Select(e => e.Event)], long.MaxValue) };
    }

    private bool WasChampion(int version, Call call)
    {
        for (var i = 0; i < promotions.Length; i++)
        {
            if (promotions[i].Version != version) continue;
            var until = i + 1 < promotions.Length ? promotions[i + 1].AtMs + PromotionSlackMs : long.MaxValue;
            if (promotions[i].AtMs <= call.EndedMs + 5 && call.BeganMs <= until) return true;
        }

        return false;
    }

    private static (int? Version, double Probability, double Points, long AtMs) Parse(string body)
    {
        var answer = JsonElement.Parse(body);
        return (answer.GetProperty("model_version").ValueKind == JsonValueKind.Number ? answer.GetProperty("model_version").GetInt32() : null, answer.GetProperty("conversion_probability").GetDouble(),
            answer.GetProperty("score").GetDouble(), DateTimeOffset.Parse(answer.GetProperty("updated_at").GetString()!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds());
    }

    private static List<T> Of<T>(Dictionary<string, List<T>> lists, string key) => lists.TryGetValue(key, out var list) ? list : lists[key] = [];
}
