using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Imports;

/// <summary>CSV imports. Section <c>LeadScoring:Imports</c>.</summary>
public sealed class ImportOptions
{
    public const string Section = "LeadScoring:Imports";

    /// <summary>Largest file over HTTP in bytes; the command line has no limit. Default 1 GB; from 1 kB to 100 GB.</summary>
    [Range(1_000, 100_000_000_000)]
    public long MaxFileBytes { get; set; } = 1_000_000_000;

    /// <summary>Rows per transaction, after which an import can be resumed. Default 2,000; from 1 to 50,000.</summary>
    [Range(1, 50_000)]
    public int BatchRows { get; set; } = 2_000;
}
