using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>Which values many leads share, and what stands for those that few do.</summary>
/// <remarks>
/// A value is kept as it is when at least <see cref="Least"/> others have it. Of other numbers the median of their band is kept, a band being a twentieth of those with such numbers and at least <see cref="Least"/>; of other levels that they are rare.
/// What the profile marks sensitive, and what it keeps from models, is left out altogether.
/// </remarks>
internal sealed class Crowd
{
    /// <summary>Others who must share a value: as many as a bundle asks for before it names a level.</summary>
    internal static readonly int Least = new EncodingSettings().MinLevelCount;

    /// <summary>The leads that changed last are enough to know what is common, and take about a second.</summary>
    internal const int MostLeads = 20_000;

    private const int Bands = 20;

    private readonly FeatureProfile profile;
    private readonly double[][] numbers;
    private readonly Dictionary<string, int>[] levels;

    /// <param name="profile">Their features.</param>
    /// <param name="leads">Values of each lead, in the profile's order.</param>
    internal Crowd(FeatureProfile profile, IReadOnlyCollection<FeatureValue[]> leads)
    {
        this.profile = profile;
        numbers = new double[profile.Features.Count][];
        levels = new Dictionary<string, int>[profile.Features.Count];
        for (var f = 0; f < numbers.Length; f++)
        {
            numbers[f] = [.. leads.Select(l => l[f]).Where(v => v.Level is null && !double.IsNaN(v.Number)).Select(v => v.Number).Order()];
            levels[f] = leads.Select(l => l[f].Level).OfType<string>().CountBy(l => l, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        }
    }

    /// <summary>Values of a lead as <see cref="AnonymousLead.Features"/>.</summary>
    /// <param name="values">In the profile's order.</param>
    /// <param name="own">Leads of the crowd that may be the person itself.</param>
    internal string Write(ReadOnlySpan<FeatureValue> values, int own)
    {
        var least = Least + own;
        var kept = new SortedDictionary<string, object?>(StringComparer.Ordinal);
        for (var f = 0; f < values.Length; f++)
        {
            var feature = profile.Features[f];
            if (values[f].IsMissing || feature.Sensitive || feature.Excluded) continue;
            if (values[f].Level is { } level) kept[AnonymousLead.Key(feature)] = levels[f].GetValueOrDefault(level) >= least ? level : null;
            else if (Common(numbers[f], values[f].Number, least) is { } number) kept[AnonymousLead.Key(feature)] = number;
        }

        return JsonSerializer.Serialize(kept);
    }

    private static double? Common(double[] sorted, double value, int least)
    {
        // What many share stands for itself, and hides nobody else: bands are made of the rest.
        var rest = new List<double>(sorted.Length);
        for (var (from, to) = (0, 0); from < sorted.Length; from = to)
        {
            while (to < sorted.Length && sorted[to] == sorted[from]) to++;
            if (to - from < least) rest.AddRange(sorted[from..to]);
            else if (sorted[from] == value) return value;
        }

        if (rest.Count < least) return null;
        var size = Math.Max(least, rest.Count / Bands);
        for (var start = 0; ;)
        {
            var end = start + size;
            // Equal values share a band, and what is left over at the end is too little for one of its own.
            while (end < rest.Count && rest[end] == rest[end - 1]) end++;
            if (rest.Count - end < size) end = rest.Count;
            if (end == rest.Count || value <= rest[end - 1]) return rest[(start + end) / 2];
            start = end;
        }
    }
}
