using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class ActivityStateTests
{
    private static readonly long Now = Events.At("2026-03-04T12:00:00Z");

    [Fact]
    public void Replay_AnyPermutationAndRepetition_GivesTheSameBytes()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var events = Events.Random(random, random.Next(0, 60), Now);
            var expected = ActivityState.Replay(events, long.MaxValue).ToBytes();
            ActivityEvent[] again = [.. events, .. events.Where(_ => random.Next(3) == 0), .. events.Where(_ => random.Next(3) == 0)];
            random.Shuffle(again);
            Assert.True(expected.AsSpan().SequenceEqual(ActivityState.Replay(again, long.MaxValue).ToBytes()), $"seed {seed}");
        }
    }

    [Fact]
    public void FoldAndMerge_AnyBatchingWithStoringBetween_EqualsReplay()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var events = Events.Random(random, random.Next(0, 60), Now);
            var expected = ActivityState.Replay(events, long.MaxValue).ToBytes();
            random.Shuffle(events);
            // Live traffic: batches of any size are folded, merged in any order and stored in between.
            var batches = new List<ActivityState> { new() };
            foreach (var e in events)
            {
                if (random.Next(4) == 0) batches.Add(new ActivityState());
                batches[random.Next(batches.Count)].Fold(e);
                if (random.Next(5) == 0) batches[^1] = ActivityState.FromBytes(batches[^1].ToBytes());
            }

            while (batches.Count > 1)
            {
                var (into, from) = (random.Next(batches.Count - 1), batches.Count - 1);
                batches[into].Merge(batches[from]);
                batches.RemoveAt(from);
            }

            Assert.True(expected.AsSpan().SequenceEqual(batches[0].ToBytes()), $"seed {seed}");
        }
    }

    [Fact]
    public void Replay_LateArrivalsUpToACutOff_EqualsFoldOfThoseEvents()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var events = Events.Random(random, 40, Now);
            var cutOff = Now + random.NextInt64(-60 * Events.Day, 10 * Events.Day);
            var live = new ActivityState();
            random.Shuffle(events);
            foreach (var e in events.Where(e => e.OccurredAtMs <= cutOff)) live.Fold(e);
            Assert.Equal(live.ToBytes(), ActivityState.Replay(events.Reverse(), cutOff).ToBytes());
        }
    }

    [Fact]
    public void Replay_EventAtTheCutOff_IsCountedAndAMillisecondLaterNot()
    {
        ActivityEvent[] events = [Events.One("a", "chat", Now), Events.One("b", "chat", Now + 1)];
        Assert.Equal(1, ActivityState.Replay(events, Now).Events);
    }

    [Fact]
    public void ToBytes_ReadBack_KeepsEveryPart()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var state = ActivityState.Replay(Events.Random(new Random(seed), 50, Now), long.MaxValue);
            var read = ActivityState.FromBytes(state.ToBytes());
            Assert.Equal((state.Events, state.BotEvents + state.BurstEvents, state.Visits, state.Pages, state.TimeOnSiteMs, state.FirstOwnMs, state.LastOwnMs),
                (read.Events, read.BotEvents + read.BurstEvents, read.Visits, read.Pages, read.TimeOnSiteMs, read.FirstOwnMs, read.LastOwnMs));
            Assert.Equal(state.Types, read.Types);
            Assert.True(state.HoursOfWeek.SequenceEqual(read.HoursOfWeek));
            Assert.Equal(state.days, read.days);
            Assert.Equal(state.ToBytes(), read.ToBytes());
        }
    }

    [Fact]
    public void FromBytes_Empty_IsTheEmptyState()
    {
        Assert.True(ActivityState.FromBytes([]).IsEmpty);
        Assert.True(ActivityState.FromBytes(new ActivityState().ToBytes()).IsEmpty);
    }

    [Fact]
    public void FromBytes_AnyTruncation_ThrowsFormatException()
    {
        var bytes = ActivityState.Replay(Events.Random(new Random(7), 40, Now), long.MaxValue).ToBytes();
        for (var length = 1; length < bytes.Length; length++)
            Assert.Throws<FormatException>(() => ActivityState.FromBytes(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void FromBytes_BytesBehindTheEnd_ThrowsFormatException()
    {
        byte[] bytes = [.. ActivityState.Replay([Events.One("a", "chat", Now)], Now).ToBytes(), 0];
        Assert.Throws<FormatException>(() => ActivityState.FromBytes(bytes));
    }

    [Fact]
    public void FromBytes_UnknownVersion_SaysWhichItReads()
    {
        var ex = Assert.Throws<FormatException>(() => ActivityState.FromBytes([9, 0, 0]));
        Assert.Contains("version 9", ex.Message);
        Assert.Contains("version 1", ex.Message);
    }

    [Fact]
    public void FromBytes_GarbageOrFlippedBytes_OnlyEverThrowsFormatException()
    {
        var good = ActivityState.Replay(Events.Random(new Random(1), 30, Now), long.MaxValue).ToBytes();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var seed = 0; seed < 5_000; seed++)
        {
            var random = new Random(seed);
            byte[] bytes;
            if (seed % 2 == 0)
            {
                bytes = new byte[random.Next(1, 80)];
                random.NextBytes(bytes);
                bytes[0] = 1;
            }
            else
            {
                bytes = [.. good];
                for (var n = random.Next(1, 4); n > 0; n--) bytes[random.Next(1, bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                // What is accepted must be a state that can be written again.
                ActivityState.FromBytes(bytes).ToBytes();
            }
            catch (FormatException)
            {
            }
        }

        // 20 kB a case: far more than a case of 80 bytes needs, far less than one believed length of a gigabyte.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5_000 * 60_000L);
    }

    [Fact]
    public void FromBytes_NegativeStringLength_ThrowsFormatException()
    {
        // version, no events, bots, pages, time; first and last; one type whose name is -1 bytes long.
        byte[] bytes = [1, 0, 0, 0, 0, .. new byte[16], 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, .. new byte[40]];
        Assert.Throws<FormatException>(() => ActivityState.FromBytes(bytes));
    }

    [Fact]
    public void FromBytes_NegativeCount_ThrowsFormatException()
    {
        byte[] bytes = [1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0, .. new byte[16], 0, 0, 0, 0];
        Assert.Throws<FormatException>(() => ActivityState.FromBytes(bytes));
    }

    [Fact]
    public void ResponseHours_CallsAndReplies_AreKeptApartAndSurviveBytesAndMerge()
    {
        // Now is some moment; an hour later is the next hour of the week.
        ActivityEvent[] events = [Events.One("a", "page_view", Now), Events.One("b", "phone_call", Now), Events.One("c", "email_replied", Now + Events.Hour), Events.One("d", "email_opened", Now)];
        var state = ActivityState.Replay(events, long.MaxValue);
        var hour = ActivityState.HourOfWeek(Now);
        Assert.Equal((1, 1, 3), (state.ResponseHoursOfWeek[hour], state.ResponseHoursOfWeek[(hour + 1) % 168], state.HoursOfWeek[hour]));
        var back = ActivityState.FromBytes(state.ToBytes());
        Assert.Equal(state.ResponseHoursOfWeek, back.ResponseHoursOfWeek);
        var parts = ActivityState.Replay(events[..2], long.MaxValue);
        parts.Merge(ActivityState.Replay(events[2..], long.MaxValue));
        Assert.Equal(state.ToBytes(), parts.ToBytes());
    }

    [Fact]
    public void ToBytes_NoResponses_IsTheFirstVersion()
    {
        Assert.Equal(1, ActivityState.Replay([Events.One("a", "page_view", Now)], Now).ToBytes()[0]);
        Assert.Equal(2, ActivityState.Replay([Events.One("a", "phone_call", Now)], Now).ToBytes()[0]);
    }

    [Fact]
    public void Fold_ActionTaken_IsTalliedButIsNoActivityOfTheLead()
    {
        var state = ActivityState.Replay([Events.One("a", EventTypes.ActionTaken("call_now"), Now), Events.One("b", EventTypes.ActionTaken("Anruf: jetzt!"), Now)], Now);
        Assert.Equal(1, state.Tally("action_taken_call_now").Count);
        Assert.Equal(long.MinValue, state.LastOwnMs);
        Assert.All(state.Types, t => Assert.Matches("^[a-z][a-z0-9_]{0,63}$", t.Key));
        Assert.NotEqual(EventTypes.ActionTaken("Anruf: jetzt!"), EventTypes.ActionTaken("Anruf: jetzt?"));
    }

    [Fact]
    public void Fold_Bot_IsCountedAsBotAndNothingElse()
    {
        var state = new ActivityState();
        state.Fold(Events.One("a", "page_view", Now, ("is_bot", AttributeValue.From(true)), ("duration_seconds", AttributeValue.From(60))));
        state.Fold(Events.One("b", "page_view", Now, ("is_bot", AttributeValue.From("true"))));
        Assert.Equal((0, 2, 0, 0L, 0L), (state.Events, state.BotEvents, state.Visits, state.Pages, state.TimeOnSiteMs));
        Assert.Equal(0, state.Tally("page_view").Count);
        Assert.False(state.IsEmpty);
        Assert.Equal(0, state.HoursOfWeek.ToArray().Sum());
    }

    [Fact]
    public void Fold_IsBotFalse_Counts()
    {
        var state = new ActivityState();
        state.Fold(Events.One("a", "page_view", Now, ("is_bot", AttributeValue.From(false))));
        Assert.Equal((1, 0), (state.Events, state.BotEvents));
    }

    [Fact]
    public void Visits_SameSessionId_IsOneVisitHoweverLong()
    {
        ActivityEvent[] events =
        [
            Events.One("a", "page_view", Now, ("session_id", AttributeValue.From("s1"))),
            Events.One("b", "property_view", Now + (5 * Events.Hour), ("session_id", AttributeValue.From("s1"))),
            Events.One("c", "page_view", Now, ("session_id", AttributeValue.From("s2"))),
        ];
        Assert.Equal(2, ActivityState.Replay(events, long.MaxValue).Visits);
    }

    [Fact]
    public void Visits_WithoutSessionId_AreHalfHourSlots()
    {
        ActivityEvent[] events =
        [
            Events.One("a", "page_view", Events.At("2026-03-04T10:00:00Z")),
            Events.One("b", "page_view", Events.At("2026-03-04T10:29:59.999Z")),
            Events.One("c", "page_view", Events.At("2026-03-04T10:30:00Z")),
            Events.One("d", "phone_call", Events.At("2026-03-04T15:00:00Z")),
        ];
        Assert.Equal(2, ActivityState.Replay(events, long.MaxValue).Visits);
    }

    [Fact]
    public void Pages_SessionsAndSinglePages_AreSummedAndBounded()
    {
        ActivityEvent[] events =
        [
            Events.One("a", "session", Now, ("pages", AttributeValue.From(12)), ("duration_seconds", AttributeValue.From(90.5))),
            Events.One("b", "page_view", Now, ("duration_seconds", AttributeValue.From("30"))),
            Events.One("c", "session", Now, ("pages", AttributeValue.From(-3)), ("duration_seconds", AttributeValue.From(-1))),
            Events.One("d", "session", Now, ("pages", AttributeValue.From(1e9)), ("duration_seconds", AttributeValue.From(1e9))),
            Events.One("e", "property_view", Now, ("duration_seconds", AttributeValue.From(50))),
        ];
        var state = ActivityState.Replay(events, long.MaxValue);
        Assert.Equal(12 + 1 + 10_000, state.Pages);
        Assert.Equal(90_500 + 30_000 + 86_400_000, state.TimeOnSiteMs);
    }

    [Fact]
    public void Fold_Outbound_IsCountedByTypeButIsNotOwnActivity()
    {
        var state = ActivityState.Replay([Events.One("a", "email_sent", Now)], long.MaxValue);
        Assert.Equal((1, 1, long.MaxValue, long.MinValue), (state.Events, state.Tally("email_sent").Count, state.FirstOwnMs, state.LastOwnMs));
        Assert.Equal(0, state.HoursOfWeek.ToArray().Sum());
    }

    [Fact]
    public void Tally_SeveralOfAType_HasCountFirstAndLast()
    {
        var state = ActivityState.Replay([Events.One("a", "chat", Now), Events.One("b", "chat", Now - 5), Events.One("c", "chat", Now + 5)], long.MaxValue);
        Assert.Equal(new ActivityState.TypeTally(3, Now - 5, Now + 5), state.Tally("chat"));
        Assert.Equal(default, state.Tally("phone_call"));
    }

    [Theory]
    [InlineData("1970-01-01T00:00:00Z", 72)]
    [InlineData("2024-01-01T00:00:00Z", 0)]
    [InlineData("2024-01-01T00:59:59.999Z", 0)]
    [InlineData("2024-02-29T13:30:00Z", 85)]
    [InlineData("2024-01-07T23:59:59Z", 167)]
    [InlineData("1969-12-31T23:59:59.999Z", 71)]
    [InlineData("1900-01-01T05:00:00Z", 5)]
    [InlineData("2100-03-01T00:00:00Z", 0)]
    public void HourOfWeek_KnownDates_CountsFromMonday(string utc, int expected) => Assert.Equal(expected, ActivityState.HourOfWeek(Events.At(utc)));

    [Theory]
    [InlineData("1970-01-01T23:59:59Z", 0)]
    [InlineData("1969-12-31T23:59:59Z", -1)]
    [InlineData("2024-02-29T00:00:00Z", 19782)]
    public void DayOf_KnownDates_CountsFrom1970(string utc, int expected) => Assert.Equal(expected, ActivityState.DayOf(Events.At(utc)));

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(long.MinValue + 1)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(long.MaxValue - 1)]
    [InlineData(long.MaxValue)]
    public void Fold_ExtremeMoments_GivesFiniteFeaturesAndBytes(long at)
    {
        var state = new ActivityState();
        state.Fold(Events.One("a", "page_view", at));
        state.Fold(Events.One("b", "email_sent", at));
        Assert.Equal(1, state.HoursOfWeek.ToArray().Sum());
        Assert.Equal(state.ToBytes(), ActivityState.FromBytes(state.ToBytes()).ToBytes());
        var values = new FeatureExtractor(ShippedProfiles.RealEstate.Value).Extract(new LeadSnapshot(new Dictionary<string, AttributeValue>(), state), Now);
        Assert.All(values, v => Assert.False(double.IsInfinity(v.Number)));
    }

    [Fact]
    public void Recency_EventOfAges_IsLongAgoNotNow()
    {
        var state = ActivityState.Replay([Events.One("a", "chat", long.MinValue + 1)], Now);
        var values = new FeatureExtractor(ShippedProfiles.RealEstate.Value).Extract(new LeadSnapshot(new Dictionary<string, AttributeValue>(), state), Now);
        Assert.True(values[ShippedProfiles.RealEstate.Value.IndexOf("recency")].Number > 1e9);
    }
}
