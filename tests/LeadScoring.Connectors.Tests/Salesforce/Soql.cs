using System.Globalization;
using System.Text.RegularExpressions;

namespace LeadScoring.Connectors.Tests.Salesforce;

/// <summary>As much of SOQL as a simulator needs: one object, conditions with AND, OR, brackets and lists, order and limit. What it does not know it refuses.</summary>
internal sealed partial class Soql
{
    private readonly string[] tokens;
    private int at;

    private Soql(string text)
    {
        tokens = [.. Token().Matches(text).Select(m => m.Value)];
        Expect("SELECT");
        do Fields.Add(Next()); while (Take(","));
        if (Fields is ["COUNT"]) (IsCount, _, _) = (true, Take("("), Take(")"));
        Expect("FROM");
        Type = Next();
        Where = Take("WHERE") ? Or() : _ => true;
        if (Take("ORDER"))
        {
            Expect("BY");
            do Order.Add(Next()); while (Take(","));
        }

        if (Take("LIMIT")) Limit = int.Parse(Next(), CultureInfo.InvariantCulture);
        if (at < tokens.Length) throw new FormatException(tokens[at]);
    }

    internal List<string> Fields { get; } = [];
    internal bool IsCount { get; }
    internal string Type { get; }
    internal Func<Func<string, string?>, bool> Where { get; }
    internal List<string> Order { get; } = [];
    internal int Limit { get; } = int.MaxValue;

    internal static Soql Parse(string text) => new(text);

    private Func<Func<string, string?>, bool> Or()
    {
        var all = new List<Func<Func<string, string?>, bool>>();
        do all.Add(And()); while (Take("OR"));
        return r => all.Any(a => a(r));
    }

    private Func<Func<string, string?>, bool> And()
    {
        var all = new List<Func<Func<string, string?>, bool>>();
        do all.Add(One()); while (Take("AND"));
        return r => all.All(a => a(r));
    }

    private Func<Func<string, string?>, bool> One()
    {
        if (Take("("))
        {
            var inner = Or();
            Expect(")");
            return inner;
        }

        var (field, comparison) = (Next(), Next());
        if (comparison == "IN")
        {
            Expect("(");
            var values = new HashSet<string?>();
            do values.Add(Value()); while (Take(","));
            Expect(")");
            return r => values.Contains(r(field));
        }

        var value = Value();
        return comparison switch
        {
            "=" => r => r(field) == value,
            "!=" => r => r(field) != value,
            // Moments are all written alike, so their order is that of their text.
            ">" => r => string.CompareOrdinal(r(field), value) > 0,
            ">=" => r => string.CompareOrdinal(r(field), value) >= 0,
            _ => throw new FormatException(comparison),
        };
    }

    private string? Value() => Next() switch { "null" => null, var v => v.Trim('\'') };

    private string Next() => at < tokens.Length ? tokens[at++] : throw new FormatException("end");

    private bool Take(string token)
    {
        if (at >= tokens.Length || tokens[at] != token) return false;
        at++;
        return true;
    }

    private void Expect(string token)
    {
        if (!Take(token)) throw new FormatException(token);
    }

    [GeneratedRegex(@"'[^']*'|[(),]|>=|!=|[=>]|[^\s(),=>!']+")]
    private static partial Regex Token();
}
