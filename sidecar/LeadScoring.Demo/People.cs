using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Demo;

/// <summary>Made-up people: names, places, household. Nothing here but the income bracket has to do with conversion.</summary>
internal static class People
{
    private sealed record Place(string City, string State, string ZipPrefix, string Zone, int UtcOffsetHours);

    private static readonly Place[] Places =
    [
        new("Boston", "MA", "021", "America/New_York", -5), new("Charlotte", "NC", "282", "America/New_York", -5),
        new("Orlando", "FL", "328", "America/New_York", -5), new("Pittsburgh", "PA", "152", "America/New_York", -5),
        new("Nashville", "TN", "372", "America/Chicago", -6), new("Austin", "TX", "787", "America/Chicago", -6),
        new("Denver", "CO", "802", "America/Denver", -7), new("Portland", "OR", "972", "America/Los_Angeles", -8),
    ];

    private static readonly double[] PlaceShares = [0.18, 0.16, 0.15, 0.12, 0.12, 0.12, 0.08, 0.07];

    private static readonly string[] WomensNames =
    [
        "Alice", "Amara", "Anna", "Beatriz", "Carla", "Chloe", "Dana", "Elena", "Emma", "Farah", "Grace", "Hannah", "Ines", "Isabel", "Joan", "Julia", "Keiko",
        "Laura", "Leila", "Lucy", "Maria", "Mei", "Nadia", "Nora", "Olivia", "Priya", "Rosa", "Sarah", "Sofia", "Tanya", "Vera", "Wendy", "Yasmin", "Zoe",
    ];

    private static readonly string[] MensNames =
    [
        "Aaron", "Adam", "Ahmed", "Andre", "Ben", "Carlos", "Daniel", "David", "Diego", "Elias", "Felix", "George", "Hassan", "Henry", "Ivan", "Jack", "James",
        "Jonas", "Kenji", "Leo", "Louis", "Marco", "Martin", "Nikhil", "Oliver", "Oscar", "Paul", "Rafael", "Ravi", "Samuel", "Thomas", "Victor", "Wei", "Zach",
    ];

    private static readonly string[] Surnames =
    [
        "Abbott", "Acosta", "Adler", "Ahn", "Almeida", "Archer", "Bakshi", "Barlow", "Becker", "Bennett", "Bianchi", "Brandt", "Calder", "Castillo", "Chandra",
        "Choi", "Cole", "Cortez", "Dalton", "Delgado", "Doyle", "Eklund", "Ellison", "Farrow", "Fischer", "Flores", "Garner", "Gupta", "Haddad", "Hale", "Hansen",
        "Hart", "Hayashi", "Ibarra", "Ivers", "Jansen", "Kaplan", "Keller", "Khan", "Kowalski", "Lambert", "Larkin", "Lindgren", "Lowe", "Maddox", "Marsh",
        "Mendoza", "Moreau", "Nakamura", "Nolan", "Novak", "Okafor", "Olsen", "Ortega", "Park", "Patel", "Pereira", "Quinn", "Ramsey", "Reyes", "Rossi", "Sato",
        "Schaefer", "Sharma", "Silva", "Stone", "Tanaka", "Thorne", "Torres", "Underwood", "Vance", "Vargas", "Walsh", "Weber", "Whitaker", "Yang", "Zeller", "Zimmer",
    ];

    private static readonly string[] MailDomains = ["example.com", "example.net", "example.org"];
    private static readonly string[] Genders = ["female", "male", "other"];
    private static readonly double[] GenderShares = [0.49, 0.49, 0.02];
    private static readonly double[] HouseholdShares = [0.24, 0.33, 0.18, 0.16, 0.06, 0.03];
    private static readonly string[] Channels = ["search", "portal", "referral", "social", "open_house"];
    private static readonly double[] ChannelShares = [0.34, 0.3, 0.12, 0.18, 0.06];

    /// <summary>Draws the attributes of one person; the personal ones are absent with probability <paramref name="missingShare"/> each.</summary>
    /// <returns>Attributes, position in <see cref="Funnel.Incomes"/> (drawn even when it stays unknown), hours from UTC, consent to e-mail.</returns>
    internal static (Dictionary<string, AttributeValue> Attributes, int Income, int UtcOffsetHours, bool EmailConsent) Draw(
        ref DemoRandom random, string leadId, long createdAtMs, double missingShare)
    {
        var gender = random.NextWeighted(GenderShares);
        var first = Pick(ref random, gender == 0 || (gender == 2 && random.NextBool(0.5)) ? WomensNames : MensNames);
        var last = Pick(ref random, Surnames);
        var place = Places[random.NextWeighted(PlaceShares)];
        var age = 21 + (int)Math.Min(64, 10 + (12 * Math.Abs(random.NextUnit() + random.NextUnit() + random.NextUnit() - 0.6)) + random.NextExponential(8));
        var income = random.NextWeighted(Funnel.IncomePrior);
        var emailConsent = random.NextBool(0.85);
        var attributes = new Dictionary<string, AttributeValue>(20, StringComparer.Ordinal)
        {
            ["first_name"] = AttributeValue.From(first),
            ["last_name"] = AttributeValue.From(last),
            ["email"] = AttributeValue.From($"{first}.{last}.{leadId}@{Pick(ref random, MailDomains)}".ToLowerInvariant()),
            ["created_at"] = AttributeValue.From(DateTimeOffset.FromUnixTimeMilliseconds(createdAtMs).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)),
            ["lead_source"] = AttributeValue.From(Channels[random.NextWeighted(ChannelShares)]),
            ["email_consent"] = AttributeValue.From(emailConsent),
            ["phone_consent"] = AttributeValue.From(random.NextBool(0.7)),
        };
        Maybe(ref random, "gender", AttributeValue.From(Genders[gender]));
        Maybe(ref random, "age", AttributeValue.From((double)age));
        Maybe(ref random, "income_bracket", AttributeValue.From(Funnel.Incomes[income]));
        Maybe(ref random, "household_size", AttributeValue.From(1.0 + random.NextWeighted(HouseholdShares)));
        Maybe(ref random, "employment_status", AttributeValue.From(Employment(ref random, age)));
        Maybe(ref random, "city", AttributeValue.From(place.City));
        Maybe(ref random, "state", AttributeValue.From(place.State));
        Maybe(ref random, "zip_code", AttributeValue.From($"{place.ZipPrefix}{random.NextIndex(30) + 1:00}"));
        Maybe(ref random, "time_zone", AttributeValue.From(place.Zone));
        return (attributes, income, place.UtcOffsetHours, emailConsent);

        // The value is always drawn, so that another missing share leaves the rest of the lead as it is.
        void Maybe(ref DemoRandom source, string name, AttributeValue value)
        {
            if (!source.NextBool(missingShare)) attributes[name] = value;
        }
    }

    private static string Employment(ref DemoRandom random, int age)
    {
        var at = random.NextUnit();
        if (age >= 66) return at < 0.75 ? "retired" : at < 0.9 ? "self_employed" : "employed";
        if (age < 26 && at < 0.3) return "student";
        return at < 0.78 ? "employed" : at < 0.93 ? "self_employed" : "not_employed";
    }

    private static string Pick(ref DemoRandom random, string[] from) => from[random.NextIndex(from.Length)];
}
