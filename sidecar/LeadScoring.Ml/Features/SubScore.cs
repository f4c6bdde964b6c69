namespace LeadScoring.Ml.Features;

/// <summary>The part of a score that a feature counts towards.</summary>
public enum SubScore
{
    /// <summary>Who the lead is. Default of group demographic and of groups of the user's own.</summary>
    Fit,

    /// <summary>What the lead does. Default of groups behavioral, engagement and temporal.</summary>
    Engagement,

    /// <summary>What says that it means to buy. Default of group intent.</summary>
    Intent,
}

/// <summary>Which way a value can be changed.</summary>
public enum ValueChange
{
    /// <summary>Up and down. The default of all that is neither of the others.</summary>
    Any,

    /// <summary>Up only. The default of counts of what has happened: it cannot be undone.</summary>
    Increase,

    /// <summary>Down only. The default of days since the last activity: the next activity brings it to 0.</summary>
    Decrease,
}
