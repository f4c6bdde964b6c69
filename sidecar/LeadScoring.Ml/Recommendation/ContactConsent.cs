using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>Channels that a lead may be contacted by.</summary>
/// <param name="Phone">Calls.</param>
/// <param name="Email">E-mail.</param>
/// <param name="Sms">Text messages; only with consent given.</param>
public readonly record struct ContactConsent(bool Phone, bool Email, bool Sms)
{
    /// <summary>
    /// From do_not_call, phone_consent, do_not_email, email_consent, unsubscribed, sms_consent, and the event type unsubscribed.
    /// A refusal always wins; phone and e-mail are allowed until refused, SMS is not allowed until consented to.
    /// </summary>
    public static ContactConsent Of(in LeadSnapshot lead) => new(
        Phone: !Says(lead, "do_not_call", 1) && !Says(lead, "phone_consent", 0),
        Email: !Says(lead, "do_not_email", 1) && !Says(lead, "email_consent", 0) && !Says(lead, "unsubscribed", 1) && lead.Activity.Tally("unsubscribed").Count == 0,
        Sms: Says(lead, "sms_consent", 1) && !Says(lead, "do_not_sms", 1));

    /// <summary>Whether a channel of the action catalogue is allowed; no channel always is, an unknown one never.</summary>
    public bool Allows(string channel) => channel switch { "" => true, "phone" or "meeting" => Phone, "email" => Email, "sms" => Sms, _ => false };

    private static bool Says(in LeadSnapshot lead, string attribute, double value) => BooleanText.Parse(lead.Attribute(attribute)) == value;
}
