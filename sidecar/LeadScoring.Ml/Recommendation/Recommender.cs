using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>What to do with a lead.</summary>
/// <param name="ActionId">Stable identity of the action; "none" when the catalogue has nothing that is allowed.</param>
/// <param name="Action">The action for people.</param>
/// <param name="ActionWhy">Why this one.</param>
/// <param name="ContactAtMs">Start of the best hour, Unix ms; null when no channel is allowed.</param>
/// <param name="ContactWhy">Why then.</param>
/// <param name="Channel">phone, email or sms; "none" when the lead allows none.</param>
/// <param name="ChannelWhy">Why by it.</param>
public sealed record Recommendation(
    string ActionId, string Action, string ActionWhy, long? ContactAtMs, string ContactWhy, string Channel, string ChannelWhy);

/// <summary>Next best action, contact time and channel for one lead. Thread-safe.</summary>
public static class Recommender
{
    /// <summary>Recommends.</summary>
    /// <param name="profile">Catalogue, business hours and zone.</param>
    /// <param name="values">Feature values in the profile's order.</param>
    /// <param name="lead">The lead, for consent, zone and hours of activity.</param>
    /// <param name="grade">A, B, C or D.</param>
    /// <param name="asOfMs">Now, Unix ms.</param>
    public static Recommendation Recommend(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead, char grade, long asOfMs)
    {
        var consent = ContactConsent.Of(lead);
        var (channel, channelWhy) = ChannelChoice.Of(lead.Activity, consent);
        var (action, actionWhy) = Action(profile, values, consent, grade);
        var (contactAt, contactWhy) = channel == ChannelChoice.None ? (null, "No channel is allowed.") : ContactTime.Of(profile, lead, asOfMs);
        return new Recommendation(action?.Id ?? "none", action?.Text ?? "No action fits", actionWhy, contactAt, contactWhy, channel, channelWhy);
    }

    private static (ActionDefinition? Action, string Why) Action(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, ContactConsent consent, char grade)
    {
        var refused = 0;
        foreach (var action in profile.Actions)
        {
            if (action.Grades.Count > 0 && !action.Grades.Contains(grade.ToString())) continue;
            if (!Holds(profile, action.When, values)) continue;
            if (!consent.Allows(action.Channel))
            {
                refused++;
                continue;
            }

            var reasons = action.When.Select(c => profile.Features[profile.IndexOf(c.Feature)].Label.ToLowerInvariant()).Prepend($"grade {grade}");
            return (action, $"First in the catalogue for: {string.Join(", ", reasons)}{(refused > 0 ? $"; {refused} before it need a channel that the lead refuses" : "")}.");
        }

        return (null, refused > 0 ? "Every action for this grade needs a channel that the lead refuses." : $"The catalogue has no action for grade {grade}.");
    }

    private static bool Holds(FeatureProfile profile, IReadOnlyList<FeatureCondition> when, ReadOnlySpan<FeatureValue> values)
    {
        foreach (var condition in when)
        {
            if (!condition.Holds(values[profile.IndexOf(condition.Feature)])) return false;
        }

        return true;
    }
}
