using System.Globalization;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>
/// Opens, clicks and forms of a contact. The API of events does not know marketing e-mails, and its predecessor's paths end in 2027; what every plan has are counts and first and last moments on the contact.
/// </summary>
/// <remarks>
/// The n-th open of a contact is one event whatever sync finds it: its id holds n. Its moment is the first or the last one that HubSpot names; of several that came between two syncs, those in between are
/// spread evenly: never before the first, never after the last, so nothing is known before it happened.
/// </remarks>
internal static class HubSpotActivity
{
    // More of one kind say nothing more of a person.
    private const int MostOfAKind = 50;

    private static readonly (string Type, string Source, string Count, string First, string Last)[] Kinds =
    [
        ("email_sent", "email", "hs_email_delivered", "hs_email_first_send_date", "hs_email_last_send_date"),
        ("email_opened", "email", "hs_email_open", "hs_email_first_open_date", "hs_email_last_open_date"),
        ("email_clicked", "email", "hs_email_click", "hs_email_first_click_date", "hs_email_last_click_date"),
        ("form_submission", "website", "num_conversion_events", "first_conversion_date", "recent_conversion_date"),
    ];

    internal static string[] Properties { get; } = ["hs_object_id", .. Kinds.SelectMany(k => new[] { k.Count, k.First, k.Last })];

    internal static IEnumerable<ActivityRecord> Read(CrmObject contact)
    {
        foreach (var kind in Kinds)
        {
            if (HubSpotContacts.Moment(contact, kind.Last) is not { } last) continue;
            var count = (int)Math.Clamp(HubSpotContacts.Number(contact, kind.Count) ?? 1, 1, 1_000_000);
            var first = HubSpotContacts.Moment(contact, kind.First) is { } f && f <= last && count > 1 ? f : last;
            for (var n = Math.Max(1, count - MostOfAKind + 1); n <= count; n++)
            {
                var at = n == count ? last : first + ((last - first) * ((n - 1) / (double)(count - 1)));
                yield return new ActivityRecord(string.Create(CultureInfo.InvariantCulture, $"{contact.Id}-{kind.Type}-{n}"), contact.Id, null, kind.Type, kind.Source, at);
            }
        }
    }
}
