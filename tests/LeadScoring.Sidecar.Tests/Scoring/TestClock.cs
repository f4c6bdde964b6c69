namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>A clock that stands until it is moved. Timers go on as they are.</summary>
internal sealed class TestClock : TimeProvider
{
    private DateTimeOffset now = new(2026, 6, 10, 12, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => now;

    internal void Advance(TimeSpan by) => now += by;

    internal static SidecarFactory Sidecar(TestClock clock) => new()
    {
        Configure = services => Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<TimeProvider>(services, clock),
    };
}
