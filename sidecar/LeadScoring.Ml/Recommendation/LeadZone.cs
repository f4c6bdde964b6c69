using System.Collections.Concurrent;
using LeadScoring.Ml.Features;
using NodaTime;
using NodaTime.TimeZones;

namespace LeadScoring.Ml.Recommendation;

/// <summary>How a lead's zone is known.</summary>
internal enum ZoneSource
{
    /// <summary>The lead's attribute time_zone.</summary>
    Given,

    /// <summary>The lead's country, which has one time.</summary>
    Country,

    /// <summary>Not known: the organization's.</summary>
    Organization,
}

/// <summary>The zone a lead lives in: attribute time_zone (IANA or Windows name), else the attribute country where all of it has one time, else the organization's.</summary>
internal static class LeadZone
{
    // Names come from outside; past this many different ones they are looked up each time.
    private const int MaxRemembered = 4_096;
    private static readonly Instant RulesFrom = Instant.FromUtc(2020, 1, 1, 0, 0);
    private static readonly Instant RulesTo = Instant.FromUtc(2037, 1, 1, 0, 0);
    private static readonly ConcurrentDictionary<string, DateTimeZone?> Zones = new(StringComparer.OrdinalIgnoreCase);
    private static readonly ConcurrentDictionary<string, DateTimeZone?> Countries = new(StringComparer.OrdinalIgnoreCase);
    private static readonly Lazy<Dictionary<string, string>> Spellings = new(() =>
    {
        var all = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var id in TzdbDateTimeZoneSource.Default.GetIds()) all.TryAdd(id, id);
        foreach (var (windows, id) in TzdbDateTimeZoneSource.Default.WindowsMapping.PrimaryMapping) all.TryAdd(windows, id);
        return all;
    });

    internal static (DateTimeZone Zone, ZoneSource Source) Of(FeatureProfile profile, in LeadSnapshot lead)
    {
        if (lead.Attribute("time_zone").AsText() is { } id && Find(id) is { } given) return (given, ZoneSource.Given);
        if ((lead.Attribute("country").AsText() ?? lead.Attribute("country_code").AsText()) is { } country && OfCountry(country) is { } only) return (only, ZoneSource.Country);
        return (Of(profile.Zone), ZoneSource.Organization);
    }

    /// <summary>A zone by its IANA or Windows name, in any case; null when there is none.</summary>
    internal static DateTimeZone? Find(string id) => Remember(Zones, id, static id =>
        DateTimeZoneProviders.Tzdb.GetZoneOrNull(Spellings.Value.GetValueOrDefault(id.Trim(), id)));

    /// <summary>The same zone in the library's database; what that does not know by name is taken as the system has it.</summary>
    internal static DateTimeZone Of(TimeZoneInfo zone) => Find(zone.Id) ?? BclDateTimeZone.FromTimeZoneInfo(zone);

    /// <summary>The zone of a country, by ISO code or English name, when the clocks agree all over it from 2020 on.</summary>
    internal static DateTimeZone? OfCountry(string country) => Remember(Countries, country, static name =>
    {
        if (name.Equals("UK", StringComparison.OrdinalIgnoreCase)) name = "GB";
        var zones = TzdbDateTimeZoneSource.Default.ZoneLocations!
            .Where(l => l.CountryCode.Equals(name, StringComparison.OrdinalIgnoreCase) || l.CountryName.Equals(name, StringComparison.OrdinalIgnoreCase))
            .Select(l => DateTimeZoneProviders.Tzdb[l.ZoneId]).ToArray();
        return zones.Length > 0 && zones.Skip(1).All(z => HasSameClock(z, zones[0])) ? zones[0] : null;
    });

    private static bool HasSameClock(DateTimeZone a, DateTimeZone b) => Clock(a).SequenceEqual(Clock(b));

    private static IEnumerable<(Instant?, Offset)> Clock(DateTimeZone zone) =>
        zone.GetZoneIntervals(RulesFrom, RulesTo).Select(i => (i.HasStart && i.Start > RulesFrom ? i.Start : (Instant?)null, i.WallOffset));

    private static DateTimeZone? Remember(ConcurrentDictionary<string, DateTimeZone?> memory, string name, Func<string, DateTimeZone?> find)
    {
        if (memory.TryGetValue(name, out var known)) return known;
        var found = name.Length <= 100 ? find(name) : null;
        if (memory.Count < MaxRemembered) memory[name] = found;
        return found;
    }
}
