namespace LeadScoring.Connectors;

/// <summary>One thing that was tried.</summary>
/// <param name="What">Such as "read contacts".</param>
/// <param name="IsRight">Whether it works.</param>
/// <param name="Advice">What to do when it does not; null when it does.</param>
public sealed record CheckStep(string What, bool IsRight, string? Advice = null)
{
    /// <summary>Tries something.</summary>
    /// <param name="what">What it is.</param>
    /// <param name="advice">What to do when the vendor refuses it.</param>
    /// <param name="attempt">Tries it.</param>
    public static async Task<CheckStep> TryAsync(string what, string advice, Func<Task> attempt)
    {
        try
        {
            await attempt();
            return new CheckStep(what, true);
        }
        catch (ConnectorException e)
        {
            return new CheckStep(what, false, e.Failure is ConnectorFailure.Unauthorized or ConnectorFailure.Forbidden ? $"{advice} ({e.Message})" : $"{e.Message}. {e.Advice}");
        }
    }
}

/// <summary>What was tried with an account.</summary>
/// <param name="Account">Which account it is, such as its number; null when that could not be read.</param>
/// <param name="Steps">In the order tried.</param>
public sealed record ConnectorCheck(string? Account, IReadOnlyList<CheckStep> Steps)
{
    /// <summary>Whether all of it works.</summary>
    public bool IsRight => Steps.All(s => s.IsRight);
}
