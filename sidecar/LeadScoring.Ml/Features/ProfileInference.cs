using System.Globalization;
using System.Text;
using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Features;

/// <summary>What a column of an export turned out to be.</summary>
public enum ColumnRole
{
    /// <summary>A feature with numbers.</summary>
    Numeric,

    /// <summary>A feature with levels.</summary>
    Categorical,

    /// <summary>A feature with yes and no.</summary>
    Boolean,

    /// <summary>A date: its hour and weekday are features, the date itself is not (it would learn the past by heart).</summary>
    Date,

    /// <summary>An identity or running number.</summary>
    Identity,

    /// <summary>The same everywhere, or empty.</summary>
    Constant,

    /// <summary>Free text, different nearly everywhere.</summary>
    FreeText,

    /// <summary>Excluded by the caller, or the label itself.</summary>
    Excluded,
}

/// <summary>One column and what it was taken for.</summary>
/// <param name="Name">Column name.</param>
/// <param name="Role">What it is.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="MissingShare">Share of empty cells, 0 to 1.</param>
/// <param name="Distinct">Number of distinct values.</param>
public sealed record ColumnFinding(string Name, ColumnRole Role, string Reason, double MissingShare, int Distinct);

/// <summary>A first profile from the columns of an export.</summary>
/// <param name="Yaml">Commented profile.</param>
/// <param name="Columns">What each column was taken for.</param>
public sealed record InferredProfile(string Yaml, IReadOnlyList<ColumnFinding> Columns);

/// <summary>Reads a table of text and decides what each column is.</summary>
public static class ProfileInference
{
    private const double NumericShare = 0.98;
    private const int MaxCodeLevels = 20;
    private const int MinRowsForIdentity = 30;

    /// <summary>Infers a profile.</summary>
    /// <param name="name">Name of the profile.</param>
    /// <param name="columns">Column names, distinct.</param>
    /// <param name="rows">Cells as text, one array a row, as long as <paramref name="columns"/>.</param>
    /// <param name="labels">1 or 0 a row, to tell codes from quantities; null when there is no label yet.</param>
    /// <param name="excluded">Columns that are not to be features (the label among them).</param>
    /// <exception cref="ArgumentException">No rows, or no usable column.</exception>
    public static InferredProfile Infer(
        string name, IReadOnlyList<string> columns, IReadOnlyList<string[]> rows, float[]? labels, IReadOnlySet<string> excluded)
    {
        if (rows.Count == 0) throw new ArgumentException("The table has a header but no rows; there is nothing to infer a profile from.");
        var findings = new ColumnFinding[columns.Count];
        for (var c = 0; c < columns.Count; c++)
        {
            findings[c] = columns[c].Length == 0 ? new ColumnFinding("", ColumnRole.Excluded, "has no name", 0, 0)
                : excluded.Contains(columns[c]) ? new ColumnFinding(columns[c], ColumnRole.Excluded, "excluded", 0, 0)
                : Column(columns[c], Cells(rows, c), labels);
        }

        if (!findings.Any(f => f.Role is ColumnRole.Numeric or ColumnRole.Categorical or ColumnRole.Boolean or ColumnRole.Date))
            throw new ArgumentException("No column can be a feature: all are ids, constant, free text or excluded.");
        return new InferredProfile(InferredYaml.Write(name, findings), findings);
    }

    private static string[] Cells(IReadOnlyList<string[]> rows, int column)
    {
        var cells = new string[rows.Count];
        for (var r = 0; r < cells.Length; r++) cells[r] = rows[r][column].Trim();
        return cells;
    }

    private static ColumnFinding Column(string name, string[] cells, float[]? labels)
    {
        var known = cells.Where(v => !NumberText.IsMissingToken(v)).ToArray();
        var missing = 1 - (known.Length / (double)cells.Length);
        var distinct = known.Select(NumberText.Canonical).Distinct(StringComparer.Ordinal).Count();
        ColumnFinding Is(ColumnRole role, string reason) => new(name, role, reason, missing, distinct);

        if (known.Length == 0) return Is(ColumnRole.Constant, "always empty");
        if (distinct == 1) return Is(ColumnRole.Constant, missing == 0 ? "the same in every row" : "one value or empty") with { Role = missing > 0.005 ? ColumnRole.Categorical : ColumnRole.Constant };
        if (distinct == 2 && known.All(v => !double.IsNaN(BooleanText.Parse(AttributeValue.From(v))))) return Is(ColumnRole.Boolean, "yes and no");
        var numbers = Array.ConvertAll(known, v => NumberText.Parse(v));
        var numeric = numbers.Count(x => !double.IsNaN(x)) >= NumericShare * known.Length;
        if (!numeric && known.Count(v => DateText.TryParse(v, out _)) >= NumericShare * known.Length) return Is(ColumnRole.Date, "dates");
        if (LooksLikeIdentity(name, known, distinct, numeric ? numbers : null)) return Is(ColumnRole.Identity, "an id: different in (nearly) every row");
        if (numeric)
        {
            return distinct <= MaxCodeLevels && labels is not null && IsCode(cells, labels)
                ? Is(ColumnRole.Categorical, "numbers that are codes: outcomes do not follow their order")
                : Is(ColumnRole.Numeric, "numbers");
        }

        return distinct > 0.5 * known.Length && known.Length >= MinRowsForIdentity
            ? Is(ColumnRole.FreeText, "text that differs nearly everywhere")
            : Is(ColumnRole.Categorical, $"{distinct} levels");
    }

    private static bool LooksLikeIdentity(string name, string[] known, int distinct, double[]? numbers)
    {
        if (distinct < 0.98 * known.Length) return false;
        var words = name.ToLowerInvariant().Split([' ', '_', '-', '.'], StringSplitOptions.RemoveEmptyEntries);
        var named = words.Any(w => w is "id" or "uuid" or "guid" or "key" or "email" or "phone" or "index" or "rownum") || name.EndsWith("Id", StringComparison.Ordinal) || name.EndsWith("ID", StringComparison.Ordinal);
        // In a handful of rows everything differs; only the name can tell then.
        if (known.Length < MinRowsForIdentity) return named && distinct == known.Length;
        if (numbers is null) return named || known.All(v => !v.Contains(' ', StringComparison.Ordinal));
        if (numbers.Any(x => double.IsNaN(x) || x != Math.Floor(x))) return false;
        var (low, high) = (numbers.Min(), numbers.Max());
        // Running numbers fill their range, or are long; quantities that happen to differ everywhere do neither.
        var dense = high - low < 20.0 * known.Length && distinct == known.Length;
        var ordered = IsMonotone(numbers);
        return named || ordered || low > 1e9 || (dense && words.Any(w => w is "number" or "no" or "nr" or "order" or "row"));
    }

    private static bool IsMonotone(double[] numbers)
    {
        int up = 0, down = 0;
        for (var i = 1; i < numbers.Length; i++)
        {
            if (numbers[i] > numbers[i - 1]) up++;
            else if (numbers[i] < numbers[i - 1]) down++;
        }

        return Math.Max(up, down) >= 0.999 * (numbers.Length - 1);
    }

    /// <summary>
    /// Whether few whole numbers are codes rather than quantities: the rates per level must fit better than a straight line by more than chance
    /// (chi-squared of the levels around the weighted line, p below 1e-4), and they must not simply bend.
    /// </summary>
    private static bool IsCode(string[] cells, float[] labels)
    {
        var levels = cells.Select((v, i) => (Number: NumberText.Parse(v), Label: labels[i])).Where(p => !double.IsNaN(p.Number))
            .GroupBy(p => p.Number).Select(g => (X: g.Key, N: (double)g.Count(), Rate: (double)g.Average(p => p.Label))).Where(l => l.N >= 20).OrderBy(l => l.X).ToArray();
        if (levels.Length < 5 || levels.Any(l => l.X != Math.Floor(l.X) || l.X < 0)) return false;
        var n = levels.Sum(l => l.N);
        var overall = levels.Sum(l => l.N * l.Rate) / n;
        var variance = overall * (1 - overall);
        if (variance <= 0) return false;
        // Weighted quadratic fit by orthogonalised powers.
        var residual = levels.Select(l => l.Rate - overall).ToArray();
        var basis = new List<double[]> { Array.ConvertAll(levels, _ => 1.0) };
        for (var power = 1; power <= 2; power++)
        {
            var b = Array.ConvertAll(levels, l => Math.Pow(l.X - levels[0].X, power));
            foreach (var other in basis) Subtract(b, other, levels);
            basis.Add(b);
            Subtract(residual, b, levels);
        }

        var chi = levels.Select((l, i) => l.N * residual[i] * residual[i] / variance).Sum();
        return 1 - ChiSquared.CDF(levels.Length - 3, chi) < 1e-4;
    }

    private static void Subtract(double[] target, double[] direction, (double X, double N, double Rate)[] levels)
    {
        double dot = 0, norm = 0;
        for (var i = 0; i < target.Length; i++)
        {
            dot += levels[i].N * target[i] * direction[i];
            norm += levels[i].N * direction[i] * direction[i];
        }

        if (norm <= 0) return;
        for (var i = 0; i < target.Length; i++) target[i] -= dot / norm * direction[i];
    }
}

/// <summary>Writes an inferred profile with a comment for every column.</summary>
internal static class InferredYaml
{
    internal static string Write(string name, IReadOnlyList<ColumnFinding> findings)
    {
        var yaml = new StringBuilder();
        var names = new HashSet<string>(StringComparer.Ordinal);
        yaml.Append(CultureInfo.InvariantCulture, $"""
            # Inferred from an export; read it, correct it, keep it. kind: numeric, categorical or boolean.
            # from: where a value comes from, first hit wins. sensitive: true for protected attributes, actionable: true for what the team can change.
            name: {Quoted(name)}
            horizon_days: 90
            time_zone: UTC

            features:

            """);
        foreach (var f in findings)
        {
            var note = string.Create(CultureInfo.InvariantCulture, $"{f.Reason}; {f.Distinct} distinct, {f.MissingShare:P1} empty");
            switch (f.Role)
            {
                case ColumnRole.Numeric or ColumnRole.Categorical or ColumnRole.Boolean:
                    Feature(yaml, names, f.Name, f.Name, f.Role.ToString().ToLowerInvariant(), Source(f.Name), note);
                    break;
                case ColumnRole.Date:
                    Feature(yaml, names, $"{f.Name} hour", $"{f.Name}: hour", "numeric", $"attribute:{f.Name} | hour", note);
                    Feature(yaml, names, $"{f.Name} weekday", $"{f.Name}: weekday", "numeric", $"attribute:{f.Name} | weekday", note);
                    break;
                default:
                    yaml.Append(CultureInfo.InvariantCulture, $"  # left out: {OneLine(f.Name)} ({note})\n");
                    break;
            }
        }

        yaml.Append("""

            # When leads may be contacted: business_hours in time_zone above, quiet hours of calls and texts (21:00-08:00) in the lead's own.
            # business_hours: { from: 9, to: 18, days: [0, 1, 2, 3, 4] }
            contact:
              holidays: []            # "12-25" every year, "2026-11-26" once
              max_days_ahead_by_grade: { A: 1, B: 3 }

            # The first action whose grade and conditions hold is the next best action. when: [{ feature: NAME, at_least: 1 }] narrows it down, stages: [new] too.
            # cool_down_days: not again so soon after it was taken.
            actions:
              - { id: call_now, text: Call now, grades: [A], channel: phone, cool_down_days: 1 }
              - { id: personal_email, text: Write a personal e-mail, grades: [A, B], channel: email, cool_down_days: 3 }
              - { id: discovery_call, text: Call and ask what they need, grades: [B], channel: phone, cool_down_days: 7 }
              - { id: nurture, text: Put into the nurture sequence, grades: [C], channel: email }
              - { id: newsletter, text: Keep on the newsletter, grades: [D], channel: email }

            """);
        return yaml.ToString();
    }

    private static void Feature(StringBuilder yaml, HashSet<string> names, string column, string label, string kind, string source, string note)
    {
        var slug = Slug(column);
        var unique = slug;
        for (var i = 2; !names.Add(unique); i++) unique = $"{slug}_{i}";
        yaml.Append(CultureInfo.InvariantCulture, $"  # {note}\n  - name: {Quoted(unique)}\n    kind: {kind}\n    from: [{Quoted(source)}]\n    label: {Quoted(label)}\n");
    }

    private static string Slug(string text)
    {
        var slug = new StringBuilder();
        foreach (var ch in text.ToLowerInvariant())
        {
            if (char.IsAsciiLetterOrDigit(ch)) slug.Append(ch);
            else if (slug.Length > 0 && slug[^1] != '_') slug.Append('_');
        }

        var trimmed = slug.ToString().Trim('_');
        return trimmed.Length == 0 ? "column" : char.IsAsciiDigit(trimmed[0]) ? $"c_{trimmed}" : trimmed;
    }

    /// <summary>The attribute of exactly this name, even where its spaces or bars mean something in a source.</summary>
    private static string Source(string column) =>
        column != column.Trim() || column.Contains(" | ", StringComparison.Ordinal) ? $"attribute:{column} | value" : $"attribute:{column}";

    /// <summary>A YAML double-quoted scalar that reads back as the same text, on one line.</summary>
    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var ch in text)
        {
            if (ch is '"' or '\\') quoted.Append('\\').Append(ch);
            else if (char.IsControl(ch) || ch is '\u2028' or '\u2029' or '\uFEFF') quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)ch:X4}");
            else quoted.Append(ch);
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>For comments.</summary>
    private static string OneLine(string text) => string.Concat(text.Select(ch => char.IsControl(ch) || ch is '\u2028' or '\u2029' or '\uFEFF' ? ' ' : ch));
}
