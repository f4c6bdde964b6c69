namespace LeadScoring.Ml.Features;

/// <summary>What an <c>activity:</c> source measures; names and order are those of <see cref="FeatureSource"/>.</summary>
internal enum ActivityMeasure : byte
{
    Count,
    Rate,
    DaysSinceLast,
    DaysSinceFirst,
    Visits,
    PagesPerVisit,
    VisitsPerWeek,
    MinutesOnSite,
    WeekendShare,
    EveningShare,
    WeeklySlope,
}
