using FsCheck;
using FsCheck.Fluent;
using LeadScoring.Ml.Recommendation;
using NodaTime;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>Whatever the zones, the moment, the hours, the rules, the consent and the activity: never at a wrong hour, never by a wrong channel.</summary>
[Trait("Category", "Slow")]
public sealed class ContactPropertyTests
{
    private const int Cases = 10_000;

    private static string ChannelOf(string actionId) => ContactScenario.Catalogue.FirstOrDefault(a => a.Id == actionId).Channel ?? "";

    [Fact]
    public void Recommend_TenThousandScenarios_KeepEveryRule()
    {
        var (timed, untimed, changes, cases) = (0, 0, 0, 0);
        var seen = new HashSet<string>();
        Prop.ForAll(ContactScenario.Any.ToArbitrary(), s =>
        {
            var r = s.Recommend();
            cases++;
            Assert.All([r.Action, r.ActionWhy, r.ContactWhy, r.ChannelWhy], text => Assert.NotEqual("", text));
            var allowed = s.Rules.Channels.Where(c => ContactOracle.IsAllowed(s, c.Name)).Select(c => c.Name).ToArray();
            Assert.Equal(allowed.Length == 0, r.Channel == "none");
            Assert.True(ContactOracle.IsAllowed(s, ChannelOf(r.ActionId)), $"action {r.ActionId} is forbidden");
            seen.UnionWith([r.ActionId, r.Channel]);
            if (r.ContactAtMs is { } at)
            {
                timed++;
                Assert.Contains(r.Channel, allowed);
                Assert.Equal(at + 3_600_000, r.ContactEndsMs);
                // By what the clock says: UTC-02 has two names.
                Assert.Equal(ContactOracle.ZoneOf(s).GetUtcOffset(Instant.FromUnixTimeMilliseconds(at)), DateTimeZoneProviders.Tzdb[r.TimeZone].GetUtcOffset(Instant.FromUnixTimeMilliseconds(at)));
                var why = ContactOracle.WhyNot(s, at, r.Channel, ChannelOf(r.ActionId));
                Assert.True(why is null, why);
                var (from, to) = (Instant.FromUnixTimeMilliseconds(s.AsOfMs), Instant.FromUnixTimeMilliseconds(at));
                if (s.Own.GetZoneInterval(from) != s.Own.GetZoneInterval(to) || ContactOracle.ZoneOf(s).GetZoneInterval(from) != ContactOracle.ZoneOf(s).GetZoneInterval(to)) changes++;
            }
            else
            {
                untimed++;
                // Null is for when nothing is possible, not a way out.
                foreach (var channel in allowed) Assert.False(ContactOracle.IsAnyPossible(s, channel, ChannelOf(r.ActionId)), $"{channel} was possible");
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(Cases));

        Assert.True(cases >= Cases);
        // Or the generator sleeps.
        Assert.True(timed > Cases / 3 && untimed > Cases / 50 && changes > Cases / 100, $"{timed} with a time, {untimed} without, {changes} across a change of a clock");
        Assert.Superset(new HashSet<string> { "text", "meet", "call", "mail", "chat", "wait", "none", "phone", "email", "sms", "whatsapp" }, seen);
    }

    [Fact]
    public void Oracle_PlantedOpposites_AreFound()
    {
        var (naive, naiveFound, ownClock, ownClockFound, forbidden) = (0, 0, 0, 0, 0);
        foreach (var s in ContactScenario.Any.Sample(2_000))
        {
            var r = s.Recommend();
            if (r.ContactAtMs is not { } at) continue;
            // The next full hour of the lead's clock, whatever the rules; and the hour that would be right if the lead lived where the organization is.
            naive++;
            if (ContactOracle.WhyNot(s, ((s.AsOfMs / 3_600_000) + 1) * 3_600_000, r.Channel) is not null) naiveFound++;
            if (ContactOracle.ZoneOf(s).GetUtcOffset(Instant.FromUnixTimeMilliseconds(at)) != s.Own.GetUtcOffset(Instant.FromUnixTimeMilliseconds(at))
                && (s with { LeadZone = s.OwnZone }).Recommend() is { ContactAtMs: { } elsewhere } there)
            {
                ownClock++;
                if (ContactOracle.WhyNot(s, elsewhere, there.Channel) is not null) ownClockFound++;
            }

            foreach (var channel in s.Rules.Channels.Where(c => !ContactOracle.IsAllowed(s, c.Name)))
            {
                forbidden++;
                Assert.Equal($"{channel.Name} is forbidden", ContactOracle.WhyNot(s, at, channel.Name));
            }

            Assert.Equal("too soon, or past", ContactOracle.WhyNot(s, s.AsOfMs, r.Channel));
            Assert.Equal("too soon, or past", ContactOracle.WhyNot(s, s.AsOfMs - 3_600_000, r.Channel));
        }

        Assert.True(naiveFound > naive / 3 && ownClockFound > ownClock / 10 && ownClock > 100 && forbidden > 100, $"{naiveFound} of {naive}, {ownClockFound} of {ownClock}, {forbidden}");
    }
}
