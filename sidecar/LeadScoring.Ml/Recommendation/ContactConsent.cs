using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>Channels that a lead may be contacted by.</summary>
internal static class ContactConsent
{
    /// <summary>
    /// Whether a channel of the catalogue is allowed; no channel always is, an unknown one never. A refusal wins over everything: do_not_contact,
    /// do_not_CHANNEL (do_not_call for the phone), CHANNEL_consent: no, unsubscribed for e-mail, and the events CHANNEL_opted_out and unsubscribed.
    /// A channel that needs consent is allowed after CHANNEL_consent: yes only.
    /// </summary>
    internal static bool Allows(ContactRules rules, in LeadSnapshot lead, string channelName)
    {
        if (channelName.Length == 0) return true;
        if (rules.Find(channelName) is not { } channel) return false;
        if (Says(lead, "do_not_contact", 1) || Says(lead, channel.RefusalAttribute, 1) || Says(lead, channel.ConsentAttribute, 0) || lead.Activity.Tally(channel.OptOutEvent).Count > 0) return false;
        if (channel.Name == ContactRules.Phone && Says(lead, "do_not_call", 1)) return false;
        if (channel.Name == ContactRules.Email && (Says(lead, "unsubscribed", 1) || lead.Activity.Tally("unsubscribed").Count > 0)) return false;
        return !channel.NeedsConsent || Says(lead, channel.ConsentAttribute, 1);
    }

    private static bool Says(in LeadSnapshot lead, string attribute, double value) => BooleanText.Parse(lead.Attribute(attribute)) == value;
}
