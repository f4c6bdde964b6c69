using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>What to do with a lead.</summary>
/// <param name="ActionId">Stable identity of the action; "none" when the catalogue has nothing that is allowed.</param>
/// <param name="Action">The action for people.</param>
/// <param name="ActionWhy">Why this one.</param>
/// <param name="ContactAtMs">Start of the best hour, Unix ms; null when no channel is allowed or no hour is open.</param>
/// <param name="ContactWhy">Why then.</param>
/// <param name="Channel">phone, email, sms or another of the profile; "none" when the lead allows none.</param>
/// <param name="ChannelWhy">Why by it.</param>
public sealed record Recommendation(
    string ActionId, string Action, string ActionWhy, long? ContactAtMs, string ContactWhy, string Channel, string ChannelWhy)
{
    /// <summary>End of the hour that is recommended, Unix ms; null when none is.</summary>
    public long? ContactEndsMs { get; init; }

    /// <summary>Zone that the hour was chosen in, by its IANA name.</summary>
    public string TimeZone { get; init; } = "UTC";

    /// <summary>The action is the organization's default: too little is known of the lead.</summary>
    public bool ActionAbstained { get; init; }

    /// <summary>The hour is the organization's best, or simply the next: the lead's own activity had no say.</summary>
    public bool ContactAbstained { get; init; }

    /// <summary>The channel is the organization's best: too little was tried with this lead.</summary>
    public bool ChannelAbstained { get; init; }
}

/// <summary>Next best action, contact time and channel for one lead. Thread-safe.</summary>
public static class Recommender
{
    private const int MaxOnStack = 16;

    /// <summary>Recommends.</summary>
    /// <param name="profile">Catalogue, business hours, contact rules and zone.</param>
    /// <param name="values">Feature values in the profile's order.</param>
    /// <param name="lead">The lead, for consent, stage, zone, hours of activity and actions taken.</param>
    /// <param name="grade">A, B, C or D.</param>
    /// <param name="asOfMs">Now, Unix ms.</param>
    /// <param name="norms">What the organization's leads have in common; null until it is learned.</param>
    public static Recommendation Recommend(
        FeatureProfile profile, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead, char grade, long asOfMs, ContactNorms? norms = null)
    {
        var action = ActionChoice.Of(profile, values, lead, grade, asOfMs);
        var (zone, source) = LeadZone.Of(profile, lead);
        var found = new Recommendation(action.Action?.Id ?? "none", action.Action?.Text ?? "No action fits", action.Why, null, "No channel is allowed.", ChannelChoice.None, "The lead refuses every channel.")
        {
            ActionAbstained = action.Abstained, TimeZone = zone.Id,
        };
        var channels = profile.Contact.Channels;
        var ranked = channels.Count <= MaxOnStack ? stackalloc ChannelChoice.Candidate[MaxOnStack] : new ChannelChoice.Candidate[channels.Count];
        ranked = ranked[..ChannelChoice.Rank(profile, lead, norms, ranked)];
        if (ranked.Length == 0) return found;
        // Whoever reads "phone" and a time will call then, and whoever is told to call will too: the hour must suit the channel and the action's.
        var byAction = profile.Contact.IndexOf(action.Action?.Channel ?? "");
        for (var c = 0; c < ranked.Length; c++)
        {
            if (!ContactTime.TryOpen(profile, zone, ranked[c].Index, byAction, asOfMs, out var starts, out var hours)) continue;
            var time = ContactTime.Of(profile, lead, norms, grade, zone, source, asOfMs, starts, hours);
            return Of(found, profile, lead, norms, ranked, c, time.Why) with { ContactAtMs = time.AtMs, ContactEndsMs = ContactTime.EndOf(time.AtMs!.Value), ContactAbstained = time.Abstained };
        }

        return Of(found, profile, lead, norms, ranked, 0, ContactTime.WhyNone(profile, zone));
    }

    private static Recommendation Of(
        Recommendation found, FeatureProfile profile, in LeadSnapshot lead, ContactNorms? norms, ReadOnlySpan<ChannelChoice.Candidate> ranked, int taken, string contactWhy)
    {
        var (why, abstained) = ChannelChoice.Why(profile, lead, norms, ranked, taken);
        return found with { Channel = profile.Contact.Channels[ranked[taken].Index].Name, ChannelWhy = why, ChannelAbstained = abstained, ContactWhy = contactWhy };
    }
}
