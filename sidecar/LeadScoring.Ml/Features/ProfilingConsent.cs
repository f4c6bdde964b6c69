namespace LeadScoring.Ml.Features;

/// <summary>Whether a person has objected to being scored.</summary>
public static class ProfilingConsent
{
    /// <summary>Attribute that objects when it says yes.</summary>
    public const string Objection = "do_not_profile";

    /// <summary>Attribute that objects when it says no.</summary>
    public const string Consent = "profiling_consent";

    /// <summary>True when one of the two attributes says so; anything else, and nothing, is no objection.</summary>
    public static bool IsRefused(in LeadSnapshot lead) => BooleanText.Parse(lead.Attribute(Objection)) == 1 || BooleanText.Parse(lead.Attribute(Consent)) == 0;
}
