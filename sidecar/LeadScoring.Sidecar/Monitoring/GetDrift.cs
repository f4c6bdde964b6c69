using LeadScoring.Ml.Drift;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Monitoring;

internal static class GetDrift
{
    private const int MostAlarms = 100;
    private const double Power = 0.8416;

    /// <summary>An alarm.</summary>
    /// <param name="Kind">feature, prediction, performance or concept.</param>
    /// <param name="Feature">Absent when it is about none.</param>
    /// <param name="Aspect">values, missing or unseen of a feature; ranking or calibration of performance; of concept what outcomes do.</param>
    /// <param name="Value">The measure that gave the alarm.</param>
    /// <param name="Threshold">The bound that it is beyond.</param>
    /// <param name="Detail">What changed, in words.</param>
    /// <param name="WhatToDo">In words.</param>
    /// <param name="LeadIds">Leads that show it, at most 20.</param>
    /// <param name="ClosedAt">When its cause was gone; absent while it is open.</param>
    public sealed record Alarm(
        string AlarmId, string Kind, string? Feature, string Aspect, double Value, double Threshold, string Detail, string WhatToDo, IReadOnlyList<string> LeadIds, int? ModelVersion,
        DateTimeOffset OpenedAt, DateTimeOffset LastSeenAt, DateTimeOffset? ClosedAt);

    /// <summary>The newest window of a length that is over.</summary>
    /// <param name="Leads">Leads first scored in it, a sample of them where there are very many.</param>
    /// <param name="SmallestChangeFound">Of numbers: the Kolmogorov-Smirnov distance that so many leads show four times in five; absent when there were too few leads to test.</param>
    /// <param name="Report">Absent when there were too few leads to test.</param>
    public sealed record Window(int Days, DateTimeOffset From, DateTimeOffset To, int Leads, int? ModelVersion, double? SmallestChangeFound, DriftReport? Report);

    /// <param name="Status">ok, alarm, waiting (nothing was tested yet) or no_reference.</param>
    /// <param name="Note">The status in words.</param>
    /// <param name="FalseAlarmsPerQuarter">False alarms to be expected in a quarter over everything together.</param>
    /// <param name="Alarms">Open ones first, then those that ended, the newest first.</param>
    /// <param name="Windows">The newest short and the newest long window.</param>
    public sealed record Response(string Status, string Note, double FalseAlarmsPerQuarter, IReadOnlyList<Alarm> Alarms, IReadOnlyList<Window> Windows);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, ActiveModels models, MonitoringStore store, DriftAlarmStore alarms, IOptions<MonitoringOptions> options, CancellationToken cancellationToken)
    {
        var active = await models.GetAsync(caller.OrganizationId, cancellationToken);
        var windows = new List<Window>();
        foreach (var days in (int[])[options.Value.WindowDays, WindowCheck.LongWindow * options.Value.WindowDays])
        {
            if (await store.LatestAsync(caller.OrganizationId, MonitoringStore.Drift, days, cancellationToken) is { } w) windows.Add(Of(w, options.Value));
        }

        Alarm[] list = [.. (await alarms.ListAsync(caller.OrganizationId, MostAlarms, cancellationToken)).Select(Of)];
        var open = list.Count(a => a.ClosedAt is null);
        var (status, note) = open > 0 ? ("alarm", $"{open} open alarms; each says what to do.")
            : active.Bundle is null ? ("no_reference", $"There is nothing to compare with: {active.WhyRules}.")
            : active.Bundle.Reference.Any(r => r.Cells is null) ? ("no_reference", $"Model {active.Version} was trained before references were kept. Train again.")
            : windows.All(w => w.Report is null) ? ("waiting", $"No window with {options.Value.FewestLeads} leads or more has been tested yet.")
            : ("ok", "No drift in the windows below.");
        return TypedResults.Ok(new Response(status, note, options.Value.FalseAlarmsPerQuarter, list, windows));
    }

    internal static Alarm Of(DriftAlarm a) => new(
        a.AlarmId, a.Kind, a.Feature.Length == 0 ? null : a.Feature, a.Aspect, a.Value, a.Threshold, a.Detail, a.Advice, a.LeadIds, a.ModelVersion, Moment.Of(a.OpenedAtMs), Moment.Of(a.LastSeenMs), Moment.Of(a.ClosedAtMs));

    private static Window Of(WatchedWindow w, MonitoringOptions options)
    {
        var report = DriftReport.Read(w.Report);
        var window = new TimeWindow(w.Days, w.StartsAtMs);
        return new Window(w.Days, Moment.Of(window.StartsAtMs), Moment.Of(window.EndsAtMs), w.Leads, w.ModelVersion, report is null ? null : Smallest(report, w.Leads, options), report);
    }

    /// <summary>Massey (1951), "The Kolmogorov-Smirnov Test for Goodness of Fit": the bound of the test, and what lies above it four times in five.</summary>
    private static double? Smallest(DriftReport report, int leads, MonitoringOptions options) => report.Features.Count == 0 ? null
        : Math.Round(Math.Min(1, Math.Max(FeatureDrift.LeastDistance, (Math.Sqrt(Math.Log(2 / report.Features[0].Tests[0].Level) / 2) + (Power / 2)) / Math.Sqrt(leads))), 2);
}
