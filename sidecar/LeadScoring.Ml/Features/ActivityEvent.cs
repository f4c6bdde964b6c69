namespace LeadScoring.Ml.Features;

/// <summary>One thing that a lead did, or that was done to it. Immutable.</summary>
/// <param name="EventId">Identity within the organization: the same id is the same event, however often it arrives.</param>
/// <param name="Type">What happened, lower snake case (<see cref="EventTypes"/>); unknown types are counted too.</param>
/// <param name="Source">crm, website, email or phone.</param>
/// <param name="OccurredAtMs">When it happened, Unix milliseconds.</param>
/// <param name="Properties">Details; the fold reads pages, duration_seconds, session_id and what <see cref="BotSignature"/> reads. Null when there are none.</param>
public sealed record ActivityEvent(
    string EventId, string Type, string Source, long OccurredAtMs, IReadOnlyDictionary<string, AttributeValue>? Properties = null)
{
    internal AttributeValue Property(string name) =>
        Properties is not null && Properties.TryGetValue(name, out var value) ? value : AttributeValue.Missing;
}

/// <summary>Event types that features are built from. Other types are allowed, kept and counted.</summary>
public static class EventTypes
{
    /// <summary>A website visit as a whole, with pages and duration_seconds.</summary>
    public const string Session = "session";

    /// <summary>One page seen.</summary>
    public const string PageView = "page_view";

    /// <summary>One property (product) page seen.</summary>
    public const string PropertyView = "property_view";

    /// <summary>A search was saved.</summary>
    public const string SavedSearch = "saved_search";

    /// <summary>An e-mail went out to the lead.</summary>
    public const string EmailSent = "email_sent";

    /// <summary>The lead opened an e-mail.</summary>
    public const string EmailOpened = "email_opened";

    /// <summary>The lead clicked a link in an e-mail.</summary>
    public const string EmailClicked = "email_clicked";

    /// <summary>The lead answered an e-mail.</summary>
    public const string EmailReplied = "email_replied";

    /// <summary>A form was sent in.</summary>
    public const string FormSubmission = "form_submission";

    /// <summary>A chat took place.</summary>
    public const string Chat = "chat";

    /// <summary>A phone call with the lead.</summary>
    public const string PhoneCall = "phone_call";

    /// <summary>A call to the lead that nobody took.</summary>
    public const string CallAttempted = "call_attempted";

    /// <summary>A showing (demo, visit) was asked for.</summary>
    public const string ShowingRequest = "showing_request";

    /// <summary>The mortgage calculator was used.</summary>
    public const string MortgageCalculator = "mortgage_calculator";

    /// <summary>Schools were looked up.</summary>
    public const string SchoolSearch = "school_search";

    /// <summary>A neighborhood was looked into.</summary>
    public const string NeighborhoodResearch = "neighborhood_research";

    /// <summary>A price-drop alert was set.</summary>
    public const string PriceDropAlert = "price_drop_alert";

    /// <summary>A virtual tour was seen.</summary>
    public const string VirtualTour = "virtual_tour";

    /// <summary>What we do to the lead; it says nothing of the lead's own activity, so recency, trend and hours leave it out.</summary>
    public static readonly IReadOnlySet<string> Outbound = new HashSet<string>(StringComparer.Ordinal)
    {
        EmailSent, CallAttempted, "email_bounced", "sms_sent", "ad_impression",
    };

    /// <summary>
    /// The lead took up a contact: a call answered, a message replied to. Kept by hour of the week apart from other activity,
    /// as the hours in which somebody answers are not those in which he browses.
    /// </summary>
    public static readonly IReadOnlySet<string> Responses = new HashSet<string>(StringComparer.Ordinal) { PhoneCall, EmailReplied, "sms_replied" };

    /// <summary>What every event type of a recorded action begins with: see <see cref="ActionTaken"/>.</summary>
    public const string ActionTakenPrefix = "action_taken_";

    /// <summary>The event type that says that an action of the catalogue was taken; its tally is what a cool-down goes by.</summary>
    /// <remarks>Event types are lower snake case of at most 64 characters; an id that is not gets its hash instead.</remarks>
    public static string ActionTaken(string actionId) =>
        ActionTakenPrefix + (actionId.Length is > 0 and <= 50 && actionId.All(ch => char.IsAsciiLetterLower(ch) || char.IsAsciiDigit(ch) || ch == '_')
            ? actionId
            : "x" + StableHash.Of(actionId).ToString("x16", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Whether an event of this type is something done to the lead, not by the lead.</summary>
    public static bool IsOutbound(string type) => Outbound.Contains(type) || type.StartsWith(ActionTakenPrefix, StringComparison.Ordinal);

    /// <summary>Happens on the website, so it belongs to a visit.</summary>
    public static readonly IReadOnlySet<string> Website = new HashSet<string>(StringComparer.Ordinal)
    {
        Session, PageView, PropertyView, SavedSearch, FormSubmission, MortgageCalculator, SchoolSearch, NeighborhoodResearch, PriceDropAlert, VirtualTour,
    };
}
