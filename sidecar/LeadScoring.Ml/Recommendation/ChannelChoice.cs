using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>The allowed channel with the best posterior response rate: (responses + a) / (attempts + a + b), a beta prior per channel.</summary>
internal static class ChannelChoice
{
    internal const string None = "none";

    // Priors worth ten attempts, until the organization's own rates are known: an answered call in three, an opened mail in four.
    private static readonly (string Channel, double A, double B)[] Priors = [("phone", 3.3, 6.7), ("email", 2.5, 7.5), ("sms", 2, 8)];

    internal static (string Channel, string Why) Of(ActivityState activity, ContactConsent consent)
    {
        var best = (Channel: None, Rate: -1.0, Attempts: 0, Responses: 0);
        foreach (var (channel, a, b) in Priors)
        {
            if (!consent.Allows(channel)) continue;
            var (attempts, responses) = Record(activity, channel);
            var rate = (responses + a) / (attempts + a + b);
            if (rate > best.Rate) best = (channel, rate, attempts, responses);
        }

        if (best.Channel == None) return (None, "The lead refuses every channel.");
        return (best.Channel, best.Attempts == 0
            ? "Nothing tried yet; the usual response rates decide."
            : string.Create(CultureInfo.InvariantCulture, $"{best.Responses} of {best.Attempts} answered; best expected response among the allowed channels ({best.Rate:P0})."));
    }

    private static (int Attempts, int Responses) Record(ActivityState activity, string channel)
    {
        int Count(string type) => activity.Tally(type).Count;
        switch (channel)
        {
            case "phone":
                return (Count(EventTypes.PhoneCall) + Count(EventTypes.CallAttempted), Count(EventTypes.PhoneCall));
            case "email":
                var sent = Count(EventTypes.EmailSent);
                return (sent, Math.Min(sent, Math.Max(Count(EventTypes.EmailOpened), Count(EventTypes.EmailReplied))));
            default:
                var texts = Count("sms_sent");
                return (texts, Math.Min(texts, Count("sms_replied")));
        }
    }
}
