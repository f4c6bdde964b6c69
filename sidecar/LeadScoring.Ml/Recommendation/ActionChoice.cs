using System.Globalization;
using System.Text;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>The first action of the catalogue that the lead allows, that was not taken lately, and whose grade and conditions hold.</summary>
internal static class ActionChoice
{
    // Below this share of known features conditions would decide by what is missing.
    private const double LeastKnown = 0.1;

    internal readonly record struct Choice(ActionDefinition? Action, string Why, bool Abstained);

    private enum Verdict
    {
        Fits,
        OtherGrade,
        Refused,
        Cooling,
        ConditionFails,
    }

    internal static Choice Of(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead, char grade, long asOfMs)
    {
        var known = 0;
        foreach (var value in values)
        {
            if (!value.IsMissing) known++;
        }

        if (known < LeastKnown * values.Length) return Default(profile, values, lead, grade, asOfMs, known);
        var (refused, cooling, others) = (0, 0, 0);
        foreach (var action in profile.Actions)
        {
            switch (Judge(profile, action, values, lead, grade, asOfMs))
            {
                case Verdict.Fits:
                    return new Choice(action, Why(profile, action, grade, refused, cooling), false);
                case Verdict.Refused:
                    refused++;
                    break;
                case Verdict.Cooling:
                    cooling++;
                    break;
                case Verdict.ConditionFails:
                    others++;
                    break;
            }
        }

        return new Choice(null, WhyNone(grade, refused, cooling, others), false);
    }

    private static Choice Default(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead, char grade, long asOfMs, int known)
    {
        ActionDefinition? last = null;
        foreach (var action in profile.Actions)
        {
            var isDefault = profile.DefaultAction is { } id ? action.Id == id : action.When.Count == 0;
            // The organization's default is meant for every grade; its conditions are not asked, as the facts for them are missing.
            if (isDefault && Judge(profile, action, values, lead, profile.DefaultAction is null ? grade : null, asOfMs, asksConditions: false) == Verdict.Fits) last = action;
        }

        var little = string.Create(CultureInfo.InvariantCulture, $"{known} of {values.Length} features known: too little to choose.");
        return last is null
            ? new Choice(null, $"{little} No default action is allowed for grade {grade} now.", true)
            : new Choice(last, $"{little} The organization's default.", true);
    }

    private static Verdict Judge(
        FeatureProfile profile, ActionDefinition action, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead, char? grade, long asOfMs, bool asksConditions = true)
    {
        if (grade is { } g && action.Grades.Count > 0 && !IsFor(action, g)) return Verdict.OtherGrade;
        if (asksConditions)
        {
            foreach (var condition in action.When)
            {
                if (!condition.Holds(profile, values, lead)) return Verdict.ConditionFails;
            }
        }

        if (!ContactConsent.Allows(profile.Contact, lead, action.Channel)) return Verdict.Refused;
        return IsCooling(action, lead, asOfMs) ? Verdict.Cooling : Verdict.Fits;
    }

    private static bool IsFor(ActionDefinition action, char grade)
    {
        foreach (var g in action.Grades)
        {
            if (g.Length == 1 && g[0] == grade) return true;
        }

        return false;
    }

    private static bool IsCooling(ActionDefinition action, in LeadSnapshot lead, long asOfMs) =>
        action.CoolDownDays > 0 && lead.Activity.Tally(action.TakenEvent) is { Count: > 0 } taken && asOfMs - (double)taken.LastMs < action.CoolDownDays * ActivityState.DayMs;

    private static string Why(FeatureProfile profile, ActionDefinition action, char grade, int refused, int cooling)
    {
        var why = new StringBuilder(160);
        if (action.Why is { Length: > 0 } given) why.Append(given).Append(" (grade ").Append(grade);
        else why.Append("First in the catalogue for: grade ").Append(grade);
        foreach (var condition in action.When)
        {
            why.Append(", ").Append(condition.Subject switch
            {
                ConditionSubject.Feature => profile.Features[profile.IndexOf(condition.Name)].Label.ToLowerInvariant(),
                ConditionSubject.Group => condition.Name + " signals",
                _ => condition.Name.Replace('_', ' '),
            });
        }

        if (action.Why is { Length: > 0 }) why.Append(')');
        if (refused > 0) why.Append(CultureInfo.InvariantCulture, $"; {refused} before it need{(refused == 1 ? "s" : "")} a channel that the lead refuses");
        if (cooling > 0) why.Append(CultureInfo.InvariantCulture, $"; {cooling} before it {(cooling == 1 ? "was" : "were")} taken a short while ago");
        return why.Append('.').ToString();
    }

    private static string WhyNone(char grade, int refused, int cooling, int others) =>
        refused + cooling == 0 ? $"The catalogue has no action for grade {grade}{(others > 0 ? " whose conditions hold" : "")}."
        : cooling == 0 ? "Every action for this grade needs a channel that the lead refuses."
        : refused == 0 ? "Every action for this grade was taken a short while ago."
        : "Every action for this grade was taken a short while ago or needs a channel that the lead refuses.";
}
