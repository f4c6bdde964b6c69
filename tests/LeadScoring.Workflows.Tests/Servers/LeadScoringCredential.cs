using System.Text.Json.Nodes;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>The community node's credential, as n8n's command line imports it.</summary>
internal static class LeadScoringCredential
{
    public const string Type = "leadScoringApi";

    /// <summary>For a sidecar that answers. Not an id that a template uses.</summary>
    public const string Id = "leadScoringNode1";

    /// <summary>For one that is down.</summary>
    public const string DownId = "leadScoringDown1";

    /// <summary>For the fake.</summary>
    public const string FakeId = "leadScoringFake1";

    /// <summary>The one that the templates name.</summary>
    public const string TemplateId = "leadScoringCred1";

    /// <summary>One of its own for each, so that a person who looks on can tell them apart.</summary>
    public static string Name(string id) => id switch
    {
        DownId => "Lead scoring, down",
        FakeId => "Lead scoring, fake",
        TemplateId => "Lead Scoring API",
        _ => "Lead scoring",
    };

    public static JsonObject Of(string id, Uri url, ISidecar sidecar) => new()
    {
        ["id"] = id,
        ["name"] = Name(id),
        ["type"] = Type,
        ["data"] = new JsonObject { ["url"] = url.OriginalString, ["apiKey"] = sidecar.ApiKey, ["organizationId"] = sidecar.OrganizationId },
    };
}
