namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A template that takes leads in, three times.</summary>
/// <param name="Shipped">As it comes, in front of the real sidecar.</param>
/// <param name="Faults">In front of the fake, with little patience.</param>
/// <param name="Down">In front of a sidecar that is down.</param>
internal sealed record IntakeTemplates(Template Shipped, Template Faults, Template Down)
{
    public IReadOnlyList<Template> All => [Shipped, Faults, Down];
}
