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

    /// <summary>For one that is always busy.</summary>
    public const string BusyId = "leadScoringBusy1";

    /// <summary>For one that never answers.</summary>
    public const string StuckId = "leadScoringStuck";

    /// <summary>The three ways in which a sidecar fails for good.</summary>
    public static readonly IReadOnlyList<string> Failing = [DownId, BusyId, StuckId];

    /// <summary>For the fake.</summary>
    public const string FakeId = "leadScoringFake1";

    /// <summary>The one that the templates name.</summary>
    public const string TemplateId = "leadScoringCred1";

    /// <summary>One of its own for each, so that a person who looks on can tell them apart.</summary>
    public static string Name(string id) => id switch
    {
        DownId => "Lead scoring, down",
        BusyId => "Lead scoring, busy",
        StuckId => "Lead scoring, stuck",
        FakeId => "Lead scoring, fake",
        TemplateId => "Lead Scoring API",
        _ => "Lead scoring",
    };

    /// <summary>What the node says in the end of one that fails for good.</summary>
    public static string Error(string id) => id switch
    {
        BusyId => "Item 0: More comes in than can be taken at the moment: Come again.",
        StuckId => "Item 0: The lead-scoring sidecar did not answer in time.",
        _ => "Item 0: The lead-scoring sidecar does not answer.",
    };

    public static JsonObject Of(string id, Uri url, ISidecar sidecar) => new()
    {
        ["id"] = id,
        ["name"] = Name(id),
        ["type"] = Type,
        ["data"] = new JsonObject { ["url"] = url.OriginalString, ["apiKey"] = sidecar.ApiKey, ["organizationId"] = sidecar.OrganizationId },
    };
}
