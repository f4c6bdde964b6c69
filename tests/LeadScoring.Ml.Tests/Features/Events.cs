using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

/// <summary>Short ways to write events and moments.</summary>
internal static class Events
{
    internal const long Hour = 3_600_000;
    internal const long Day = 24 * Hour;

    internal static long At(string utc) => DateTimeOffset.Parse(utc, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeMilliseconds();

    internal static ActivityEvent One(string id, string type, long atMs, params (string Name, AttributeValue Value)[] properties) =>
        new(id, type, "website", atMs, properties.Length == 0 ? null : properties.ToDictionary(p => p.Name, p => p.Value));

    /// <summary>Random events around <paramref name="centreMs"/>: every known type and some unknown, sessions, bots, bursts, odd properties.</summary>
    internal static ActivityEvent[] Random(Random random, int count, long centreMs)
    {
        string[] types =
        [
            "session", "page_view", "property_view", "saved_search", "email_sent", "email_opened", "email_clicked", "form_submission", "chat", "phone_call",
            "showing_request", "mortgage_calculator", "school_search", "neighborhood_research", "price_drop_alert", "virtual_tour", "call_attempted", "brand_new", "Ünïcode",
        ];
        AttributeValue[] odd =
        [
            AttributeValue.From(3), AttributeValue.From("7"), AttributeValue.From(0.1), AttributeValue.From(-5), AttributeValue.From(1e300), AttributeValue.From("many"),
            AttributeValue.From(double.NaN), AttributeValue.From(true), AttributeValue.From([1.0, 2, 3]), AttributeValue.From("12,5"), AttributeValue.Missing,
        ];
        var events = new ActivityEvent[count];
        for (var i = 0; i < count; i++)
        {
            var properties = new Dictionary<string, AttributeValue>();
            if (random.Next(2) == 0) properties["session_id"] = AttributeValue.From($"s{random.Next(6)}");
            if (random.Next(2) == 0) properties["pages"] = odd[random.Next(odd.Length)];
            if (random.Next(2) == 0) properties["duration_seconds"] = odd[random.Next(odd.Length)];
            if (random.Next(8) == 0) properties["is_bot"] = random.Next(3) switch { 0 => AttributeValue.From(true), 1 => AttributeValue.From("true"), _ => AttributeValue.From(false) };
            var at = random.Next(60) switch
            {
                0 => random.NextInt64(long.MinValue, long.MaxValue),
                1 => -random.NextInt64(Day * 400),
                _ => centreMs + random.NextInt64(-100 * Day, 20 * Day),
            };
            var type = types[random.Next(types.Length)];
            // Opens and clicks close together, so that some are bursts, and some become one with a later arrival; a minute begins among them.
            if (random.Next(3) == 0) (type, at) = (random.Next(2) == 0 ? "email_opened" : "email_clicked", (centreMs / 60_000 * 60_000) + random.Next(-2_500, 2_500));
            if (random.Next(20) == 0) properties["user_agent"] = AttributeValue.From(random.Next(2) == 0 ? "Mozilla/5.0 (compatible; Googlebot/2.1)" : "Mozilla/5.0 (X11; Linux x86_64)");
            events[i] = new ActivityEvent($"e{i}", type, "website", at, properties.Count == 0 ? null : properties);
        }

        return events;
    }
}
