namespace LeadScoring.Sidecar.Privacy;

/// <summary>A table whose rows may go by age: <see cref="RetentionOptions.TableMonths"/> names it.</summary>
/// <param name="Name">As in the database.</param>
/// <param name="Moment">Column that says how old a row is.</param>
/// <param name="But">What must hold besides for a row to go; empty when age is all.</param>
/// <param name="OfLeads">Whether rows are of leads; others go organization by organization.</param>
internal sealed record AgedTable(string Name, string Moment, string But = "", bool OfLeads = true)
{
    /// <summary>Moment of the newest row of a lead is in force and stays; what is removed is history.</summary>
    private static string NotNewest(string table) =>
        $"and change < (select max(n.change) from {table} n where n.organization_id = {table}.organization_id and n.lead_id = {table}.lead_id)";

    internal static IReadOnlyList<AgedTable> All { get; } =
    [
        new("actions_taken", "taken_at_ms"),
        new("anonymous_leads", "decided_ms", OfLeads: false),
        new("feedback", "given_at_ms"),
        new("imports", "updated_at_ms", "and is_done = 1", OfLeads: false),
        new("outcome_history", "recorded_at_ms"),
        new("overrides", "set_at_ms", NotNewest("overrides")),
        new("recommended_actions", "recommended_at_ms", NotNewest("recommended_actions")),
        new("reviews", "selected_at_ms"),
    ];

    /// <summary>The delete, with the parameters @organizationId, @cutoffMs and, where rows are of leads, @ids.</summary>
    internal string Sql(string anyOfIds) => $"delete from {Name} where organization_id = @organizationId {(OfLeads ? $"and lead_id {anyOfIds}" : "")} and {Moment} < @cutoffMs {But}";

    /// <summary>Reads "feedback=24, reviews=12".</summary>
    /// <exception cref="FormatException">What is wrong with which part, and what there is.</exception>
    internal static IReadOnlyList<(AgedTable Table, int Months)> Parse(string text)
    {
        var read = new List<(AgedTable Table, int Months)>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var sides = part.Split('=', StringSplitOptions.TrimEntries);
            var table = All.FirstOrDefault(t => t.Name.Equals(sides[0], StringComparison.OrdinalIgnoreCase)) ?? throw new FormatException($"'{part}': rows by age have {string.Join(", ", All.Select(t => t.Name))}.");
            if (sides.Length != 2 || !int.TryParse(sides[1], System.Globalization.CultureInfo.InvariantCulture, out var months) || months is < 1 or > 1_200) throw new FormatException($"'{part}': write {table.Name}=MONTHS, from 1 to 1,200.");
            if (read.Exists(r => r.Table == table)) throw new FormatException($"'{part}': {table.Name} is named twice.");
            read.Add((table, months));
        }

        return read;
    }
}
