using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

/// <summary>Machines among the events: kept, seen, not counted, whatever the order.</summary>
public sealed class BotTests
{
    private static readonly long Now = Events.At("2026-03-04T12:00:07Z");

    private static ActivityState Replay(params (string Type, long OffsetMs)[] events) =>
        ActivityState.Replay(events.Select((e, i) => Events.One("e" + i, e.Type, Now + e.OffsetMs)), long.MaxValue);

    [Fact]
    public void Fold_ThreeClicksWithinASecond_CountNoneOfThemNorTheOpenAmongThem()
    {
        var state = Replay(("email_clicked", 0), ("email_opened", 10), ("email_clicked", 300), ("email_clicked", 999));
        Assert.Equal((0, 4, 0, 0), (state.Events, state.BurstEvents, state.Tally("email_clicked").Count, state.Tally("email_opened").Count));
        Assert.Equal((long.MaxValue, long.MinValue, 0), (state.FirstOwnMs, state.LastOwnMs, state.OwnEventsBetween(0, int.MaxValue)));
        Assert.True(state.HoursOfWeek.IndexOfAnyExcept(0) < 0);
        Assert.Equal(BotReason.Burst, state.WhyNotCounted(Events.One("e1", "email_opened", Now + 10)));
    }

    [Theory]
    [InlineData(1_000)]  // a full second
    [InlineData(60_000)]
    public void Fold_ThirdClickAFullSecondLater_CountsAll(long third) =>
        Assert.Equal((3, 0), (Replay(("email_clicked", 0), ("email_clicked", 999), ("email_clicked", third)).Events, 0));

    [Fact]
    public void Fold_DoubleClickWithItsOpen_IsAPerson() =>
        Assert.Equal((3, 0), (Replay(("email_opened", 0), ("email_clicked", 200), ("email_clicked", 400)).Events, 0));

    [Fact]
    public void Fold_OtherTypesWithinASecond_AreNoBurst() =>
        Assert.Equal(5, Replay(("page_view", 0), ("page_view", 1), ("page_view", 2), ("page_view", 3), ("chat", 4)).Events);

    /// <summary>A CRM that writes minutes only: five opens of one minute are no machine.</summary>
    [Fact]
    public void Fold_MomentsWithoutSeconds_AreNoBurst()
    {
        var minute = Now / 60_000 * 60_000;
        var state = ActivityState.Replay(Enumerable.Range(0, 5).Select(i => Events.One("e" + i, "email_opened", minute)), long.MaxValue);
        Assert.Equal((5, 0), (state.Events, state.BurstEvents));
    }

    /// <summary>The third click arrives last: what the first two had counted for is taken back to the bit.</summary>
    [Fact]
    public void Fold_BurstFoundOutLate_TakesBackWhatWasCounted()
    {
        var state = Replay(("chat", -Events.Day), ("email_clicked", 0), ("email_clicked", 100));
        Assert.Equal((3, Now + 100), (state.Events, state.LastOwnMs));
        state.Fold(Events.One("late", "email_clicked", Now + 50));
        Assert.Equal((1, 3, Now - Events.Day), (state.Events, state.BurstEvents, state.LastOwnMs));
        Assert.Equal(["chat"], state.Types.Select(t => t.Key));
    }

    [Fact]
    public void Merge_HalvesOfABurst_AreOne()
    {
        var (one, two) = (Replay(("email_clicked", 0), ("email_clicked", 900)), Replay(("email_clicked", 450), ("page_view", 5)));
        one.Merge(two);
        Assert.Equal((1, 3), (one.Events, one.BurstEvents));
        Assert.Equal((1, 0), (two.Events - 1, two.BurstEvents));
    }

    [Theory]
    [InlineData("is_bot", true, BotReason.Declared)]
    [InlineData("sg_machine_open", true, BotReason.Declared)]
    [InlineData("user_agent", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", BotReason.UserAgent)]
    [InlineData("useragent", "python-requests/2.32", BotReason.UserAgent)]
    [InlineData("host", "mx1.scan.PPHOSTED.com.", BotReason.Host)]
    [InlineData("user_agent", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", null)]
    [InlineData("user_agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", null)]
    [InlineData("host", "notmimecast.com", null)]
    [InlineData("is_bot", false, null)]
    public void Of_KnownSigns_TellMachinesFromPeople(string name, object value, BotReason? expected)
    {
        var e = Events.One("e", "page_view", Now, (name, value is bool flag ? AttributeValue.From(flag) : AttributeValue.From((string)value)));
        Assert.Equal(expected, BotSignature.Of(e));
        var state = new ActivityState();
        state.Fold(e);
        Assert.Equal(expected is null ? (1, 0) : (0, 1), (state.Events, state.BotEvents));
        Assert.Equal(expected, state.WhyNotCounted(e));
    }
}
