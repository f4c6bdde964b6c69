namespace LeadScoring.Ml.Features;

/// <summary>Time of day in which a lead is left alone, in the lead's zone.</summary>
/// <param name="FromMinute">First quiet minute of the day, 0 to 1439.</param>
/// <param name="ToMinute">Minute at which it ends, 1 to 1440; before <paramref name="FromMinute"/> when it goes over midnight.</param>
public readonly record struct QuietHours(int FromMinute, int ToMinute)
{
    /// <summary>From 21 to 8: the hours in which the US telephone consumer protection rules (47 CFR 64.1200(c)(1)) forbid sales calls.</summary>
    public static readonly QuietHours Night = new(21 * 60, 8 * 60);

    /// <summary>Whether any minute from one to another (exclusive) of a day is quiet.</summary>
    public bool Touches(int start, int end) => FromMinute < ToMinute
        ? start < ToMinute && end > FromMinute
        : start < ToMinute || end > FromMinute;
}

/// <summary>A day on which nobody is contacted.</summary>
/// <param name="Year">Null when it returns every year.</param>
/// <param name="Month">1 to 12.</param>
/// <param name="Day">Day of the month.</param>
public readonly record struct Holiday(int? Year, int Month, int Day);

/// <summary>A way to reach a lead.</summary>
/// <param name="Name">phone, email, sms, or what the profile calls it; lower snake case.</param>
public sealed record ContactChannel(string Name)
{
    /// <summary>Hours in which the lead is left alone by it; null when any hour will do.</summary>
    public QuietHours? Quiet { get; init; } = QuietHours.Night;

    /// <summary>Sent by a machine: nobody has to be at work. Default false.</summary>
    public bool IsAutomated { get; init; }

    /// <summary>Allowed only when the lead has said yes. Default true; for phone and e-mail false.</summary>
    public bool NeedsConsent { get; init; } = true;

    /// <summary>Share of attempts that are answered, until the organization's own is known. 0 to 1, exclusive.</summary>
    public double UsualRate { get; init; } = 0.2;

    /// <summary>Attribute that says yes or no to it.</summary>
    public string ConsentAttribute { get; } = Name + "_consent";

    /// <summary>Attribute that refuses it.</summary>
    public string RefusalAttribute { get; } = "do_not_" + Name;

    /// <summary>Event type that refuses it.</summary>
    public string OptOutEvent { get; } = Name + "_opted_out";

    /// <summary>Event type of an attempt.</summary>
    public string SentEvent { get; } = Name + "_sent";

    /// <summary>Event type of a response.</summary>
    public string RepliedEvent { get; } = Name + "_replied";
}

/// <summary>When and by what leads may be contacted. Immutable.</summary>
public sealed class ContactRules
{
    /// <summary>Name of the channel of calls.</summary>
    public const string Phone = "phone";

    /// <summary>Name of the channel of e-mail.</summary>
    public const string Email = "email";

    /// <summary>Name of the channel of text messages.</summary>
    public const string Sms = "sms";

    /// <summary>An action may bind a meeting; consent and hours of the phone hold for it.</summary>
    public const string Meeting = "meeting";

    /// <summary>What is there when a profile says nothing.</summary>
    public static readonly IReadOnlyList<ContactChannel> UsualChannels =
    [
        new(Phone) { NeedsConsent = false, UsualRate = 0.33 },
        new(Email) { NeedsConsent = false, UsualRate = 0.25, Quiet = null },
        new(Sms) { UsualRate = 0.2 },
    ];

    /// <summary>Calls and texts not from 21 to 8; texts with consent only.</summary>
    // After the channels: static fields are set in the order of the text.
    public static readonly ContactRules Default = new();

    /// <summary>Channels in the order in which ties are broken.</summary>
    public IReadOnlyList<ContactChannel> Channels { get; init; } = UsualChannels;

    /// <summary>Days without any contact, by the calendar of the organization's zone and by that of the lead's.</summary>
    public IReadOnlyList<Holiday> Holidays { get; init; } = [];

    /// <summary>Least time between the recommendation and the contact, in minutes. Default 0.</summary>
    public int MinimumNoticeMinutes { get; init; }

    /// <summary>How far ahead a contact may be put, in days. Default 7: each hour of the week once.</summary>
    public int MaxDaysAhead { get; init; } = 7;

    /// <summary>Days within which leads of a grade are contacted if any hour in them will do; the best hour of the week may be too late for a hot lead.</summary>
    public IReadOnlyDictionary<char, int> MaxDaysAheadByGrade { get; init; } = new Dictionary<char, int>();

    /// <summary>The channel of that name; the phone for a meeting; null when there is none.</summary>
    public ContactChannel? Find(string name) => IndexOf(name) is >= 0 and var index ? Channels[index] : null;

    /// <summary>Position of a channel, that of the phone for a meeting, -1 when there is none.</summary>
    public int IndexOf(string name)
    {
        if (name == Meeting) name = Phone;
        for (var c = 0; c < Channels.Count; c++)
        {
            if (Channels[c].Name == name) return c;
        }

        return -1;
    }
}
