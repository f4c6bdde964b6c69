namespace LeadScoring.Ml.Features;

/// <summary>One entry of the next-best-action catalogue. The first entry whose grade and conditions hold is recommended.</summary>
/// <param name="Id">Stable identity, such as call_now.</param>
/// <param name="Text">What the rep reads.</param>
/// <param name="Grades">Grades it is for; empty means all.</param>
/// <param name="When">Conditions, all of which must hold.</param>
/// <param name="Channel">One of the contact channels, or meeting; empty when it binds no channel.</param>
public sealed record ActionDefinition(string Id, string Text, IReadOnlyList<string> Grades, IReadOnlyList<LeadCondition> When, string Channel)
{
    /// <summary>Days after it was taken within which it is not recommended again. Default 0: none.</summary>
    public double CoolDownDays { get; init; }

    /// <summary>Why it is a good idea, for the rep; null: the conditions that hold are told.</summary>
    public string? Why { get; init; }

    /// <summary>Event type whose tally says how often and when it was taken.</summary>
    public string TakenEvent { get; } = EventTypes.ActionTaken(Id);
}
