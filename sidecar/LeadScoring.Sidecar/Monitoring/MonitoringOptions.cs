using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>How drift is looked for. Section <c>LeadScoring:Monitoring</c>.</summary>
public sealed class MonitoringOptions
{
    public const string Section = "LeadScoring:Monitoring";

    /// <summary>False alarms to be expected in a quarter, over everything that is watched together. Default 0.2; from 0.01 to 4.</summary>
    [Range(0.01, 4)]
    public double FalseAlarmsPerQuarter { get; set; } = 0.2;

    /// <summary>Days of a window; four windows together are looked at once more. Default 7; from 1 to 28.</summary>
    [Range(1, 28)]
    public int WindowDays { get; set; } = 7;

    /// <summary>Fewest leads of a window that is tested. Default 30; from 10 to 1,000.</summary>
    [Range(10, 1_000)]
    public int FewestLeads { get; set; } = 30;

    /// <summary>
    /// Outcomes from which on the figures of performance, business, impact and fairness are kept and worked out anew every hour, instead of whenever somebody asks. Default 2,000; from 1 to 1,000,000.
    /// </summary>
    [Range(1, 1_000_000)]
    public int StoreReportsFrom { get; set; } = 2_000;

    /// <summary>Most leads of a window that are looked at, a stable sample of them. Default 1,000; from 100 to 10,000.</summary>
    [Range(100, 10_000)]
    public int MostLeads { get; set; } = 1_000;
}
