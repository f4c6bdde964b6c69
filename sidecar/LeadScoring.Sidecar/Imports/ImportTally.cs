namespace LeadScoring.Sidecar.Imports;

/// <summary>Counts while an import runs; stored with the row offset after each batch, so that a resumed import reports the whole.</summary>
internal sealed class ImportTally
{
    internal const int MaxFaults = 20;

    public long Rows { get; set; }
    public long Created { get; set; }
    public long Updated { get; set; }
    public long Unchanged { get; set; }
    public long Duplicates { get; set; }
    public long Outcomes { get; set; }
    public long Rejected { get; set; }
    public List<RowFault> Faults { get; set; } = [];

    internal ImportTally Copy()
    {
        var copy = (ImportTally)MemberwiseClone();
        copy.Faults = [.. Faults];
        return copy;
    }

    internal void Reject(long line, string reason)
    {
        Rejected++;
        if (Faults.Count < MaxFaults) Faults.Add(new RowFault(line, reason));
    }
}
