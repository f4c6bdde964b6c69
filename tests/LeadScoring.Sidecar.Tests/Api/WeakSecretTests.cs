using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Api;

public sealed class WeakSecretTests
{
    [Theory]
    [InlineData("LeadScoring:Database", "postgres://leadscoring:changeme@127.0.0.1:1/leads")]
    [InlineData("LeadScoring:Database", "Host=127.0.0.1;Port=1;Database=leads;Username=x;Password=postgres")]
    [InlineData("LeadScoring:Database", "Host=127.0.0.1;Port=1;Database=leads;Username=x;Pwd= Secret ")]
    [InlineData("LeadScoring:Redis", "127.0.0.1:1,password=password")]
    [InlineData("LeadScoring:Connectors:HUBSPOT:Token", "<secret>")]
    [InlineData("LeadScoring:Connectors:HUBSPOT:ClientSecret", "Secret")]
    [InlineData("LeadScoring:Connectors:MAILCHIMP:WebhookSecret", "only-15-letters")]
    public void Start_WeakSecret_IsRefusedWithoutShowingIt(string name, string value)
    {
        var refused = Assert.Throws<ArgumentException>(() => SidecarApp.CreateBuilder([new(name, value)]));
        Assert.StartsWith(name.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal) + ": ", refused.Message);
        if (value.Length == 15) Assert.DoesNotContain(value, refused.Message);
    }

    [Theory]
    [InlineData("LeadScoring:Database", "postgres://leadscoring@127.0.0.1/leads")]
    [InlineData("LeadScoring:Database", "/var/lib/leadscoring/password.db")]
    [InlineData("LeadScoring:Database", "Host=/run/postgresql;Database=postgres;Username=postgres")]
    [InlineData("LeadScoring:Connectors:MAILCHIMP:WebhookSecret", "exactly-16-chars")]
    public void Start_OtherSettings_AreTaken(string name, string value) => Assert.NotNull(SidecarApp.CreateBuilder([new(name, value)]));

    [Fact]
    public async Task Command_WeakSecret_FailsInOneLine() =>
        CommandRun.AssertOneLine(await CommandRun.RunAsync("keys", "list", "--organization", "acme", "--database", "postgres://x:changeme@127.0.0.1:1/x"), "LEADSCORING__DATABASE");
}
