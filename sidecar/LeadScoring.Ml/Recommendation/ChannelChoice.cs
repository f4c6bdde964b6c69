using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>
/// The allowed channel with the best posterior response rate: (responses + a) / (attempts + a + b), the beta prior being the organization's own rate,
/// or the profile's until that is known. A channel that the lead asked for (attribute preferred_channel) goes before all.
/// </summary>
/// <remarks>Attempts do not age: the fold keeps how often and when last, not each. An opened e-mail counts as answered, as most senders see nothing more.</remarks>
internal static class ChannelChoice
{
    internal const string None = "none";

    // Attempts at a lead below which its own record does not tell channels apart.
    private const int FewestAttempts = 3;

    /// <summary>A channel and how the lead took it so far.</summary>
    internal readonly record struct Candidate(int Index, double Rate, int Attempts, int Responses);

    /// <summary>Allowed channels, the best first; how many there are.</summary>
    internal static int Rank(FeatureProfile profile, in LeadSnapshot lead, ContactNorms? norms, Span<Candidate> ranked)
    {
        var rules = profile.Contact;
        var asked = lead.Attribute("preferred_channel").AsText();
        var count = 0;
        for (var c = 0; c < rules.Channels.Count; c++)
        {
            var channel = rules.Channels[c];
            if (!ContactConsent.Allows(rules, lead, channel.Name)) continue;
            var (attempts, responses) = Record(lead.Activity, channel);
            var norm = norms?.Channels.GetValueOrDefault(channel.Name);
            var (rate, strength) = norm is null ? (channel.UsualRate, ContactNorms.UsualChannelStrength) : (norm.Rate, norm.Strength);
            var posterior = (responses + (strength * rate)) / (attempts + strength);
            // Insertion sort, stable: among equals the order of the profile stands.
            var at = count++;
            var key = IsAsked(channel, asked) ? 2 : posterior;
            for (; at > 0 && (IsAsked(rules.Channels[ranked[at - 1].Index], asked) ? 2 : ranked[at - 1].Rate) < key; at--) ranked[at] = ranked[at - 1];
            ranked[at] = new Candidate(c, posterior, attempts, responses);
        }

        return count;
    }

    /// <summary>Why the channel was taken, and whether that is only the organization's default.</summary>
    internal static (string Why, bool Abstained) Why(FeatureProfile profile, in LeadSnapshot lead, ContactNorms? norms, ReadOnlySpan<Candidate> ranked, int taken)
    {
        var channel = profile.Contact.Channels[ranked[taken].Index];
        var (rate, attempts, responses) = (ranked[taken].Rate, ranked[taken].Attempts, ranked[taken].Responses);
        var passed = taken == 0 ? "" : $" {profile.Contact.Channels[ranked[0].Index].Name} would come first, but has no hour open to it.";
        if (IsAsked(channel, lead.Attribute("preferred_channel").AsText())) return ("The lead asked for it." + passed, false);
        var tried = 0;
        foreach (var candidate in ranked) tried += candidate.Attempts;
        if (tried >= FewestAttempts)
        {
            return (string.Create(CultureInfo.InvariantCulture, $"{responses} of {attempts} answered; best expected response among the allowed channels ({100 * rate:0} %).{passed}"), false);
        }

        var basis = norms?.Channels.GetValueOrDefault(channel.Name) is { } norm
            ? string.Create(CultureInfo.InvariantCulture, $"the organization's response rates decide ({norm.Responses} of {norm.Attempts} answered by {channel.Name}).")
            : "the usual response rates decide.";
        return ($"{(tried == 0 ? "Nothing tried yet" : "Too little tried to know better")}; {basis}{passed}", true);
    }

    /// <summary>Attempts to reach a lead by a channel, and how many of them it answered.</summary>
    internal static (int Attempts, int Responses) Record(ActivityState activity, ContactChannel channel)
    {
        switch (channel.Name)
        {
            case ContactRules.Phone:
                var answered = activity.Tally(EventTypes.PhoneCall).Count;
                return (answered + activity.Tally(EventTypes.CallAttempted).Count, answered);
            case ContactRules.Email:
                var sent = activity.Tally(EventTypes.EmailSent).Count;
                return (sent, Math.Min(sent, Math.Max(activity.Tally(EventTypes.EmailOpened).Count, activity.Tally(EventTypes.EmailReplied).Count)));
            default:
                var attempts = activity.Tally(channel.SentEvent).Count;
                return (attempts, Math.Min(attempts, activity.Tally(channel.RepliedEvent).Count));
        }
    }

    private static bool IsAsked(ContactChannel channel, string? asked) => asked is not null && asked.Equals(channel.Name, StringComparison.OrdinalIgnoreCase);
}
