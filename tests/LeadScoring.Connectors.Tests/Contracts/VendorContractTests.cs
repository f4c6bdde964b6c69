namespace LeadScoring.Connectors.Tests.Contracts;

/// <summary>The judge of requests finds what is planted: else it might be asleep.</summary>
public sealed class VendorContractTests
{
    private const string Document = """
        { "paths": { "/things/{id}": { "post": { "parameters": [ { "in": "query", "name": "limit", "schema": { "type": "integer", "maximum": 100 } }, { "in": "query", "name": "at", "required": true, "schema": { "type": "string" } } ],
          "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } } } } },
          "components": { "schemas": { "Thing": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" }, "kind": { "type": "string", "enum": ["a", "b"] },
            "list": { "type": "array", "maxItems": 2, "items": { "type": "integer" } } } } } } }
        """;

    [Theory]
    [InlineData("POST", "/things/1", "?at=x&limit=100", "{\"name\":\"n\",\"kind\":\"a\",\"list\":[1,2]}", "")]
    [InlineData("POST", "/thing/1", "?at=x", "{\"name\":\"n\"}", "there is no such path")]
    [InlineData("PUT", "/things/1", "?at=x", "{\"name\":\"n\"}", "the path has no such method")]
    [InlineData("POST", "/things/1", "", "{\"name\":\"n\"}", "query at is missing")]
    [InlineData("POST", "/things/1", "?at=x&limit=101", "{\"name\":\"n\"}", "query limit is above 100")]
    [InlineData("POST", "/things/1", "?at=x&more=1", "{\"name\":\"n\"}", "query more is not declared")]
    [InlineData("POST", "/things/1", "?at=x", "", "the body is missing")]
    [InlineData("POST", "/things/1", "?at=x", "{\"kind\":\"a\"}", "body.name is missing")]
    [InlineData("POST", "/things/1", "?at=x", "{\"name\":5}", "body.name is not of type string")]
    [InlineData("POST", "/things/1", "?at=x", "{\"name\":\"n\",\"kind\":\"c\"}", "body.kind is none of the values allowed")]
    [InlineData("POST", "/things/1", "?at=x", "{\"name\":\"n\",\"other\":1}", "body.other is not declared")]
    [InlineData("POST", "/things/1", "?at=x", "{\"name\":\"n\",\"list\":[1,2,3]}", "body.list has more than 2 items")]
    [InlineData("POST", "/things/1", "?at=x", "{\"name\":\"n\",\"list\":[\"x\"]}", "body.list[] is not of type integer")]
    public void Check_Request_NamesWhatBreaksTheContract(string method, string path, string query, string body, string fault) =>
        Assert.Equal(fault.Length == 0 ? [] : [fault], VendorContract.Parse(Document).Check(method, path, query, "application/json", body));

    /// <summary>In CI the contracts are at hand, unless the script says in words that they are not: then nothing is validated and this is skipped there, too.</summary>
    [ContractFact]
    public void Contract_OfHubSpot_KnowsOurPathsAndRefusesOthers()
    {
        var contract = VendorContract.Of("hubspot")!;
        Assert.Empty(contract.Check("GET", "/crm/objects/2026-09/contacts", "?limit=100", null, ""));
        Assert.Equal(["query limit is above 100"], contract.Check("GET", "/crm/objects/2026-09/contacts", "?limit=101", null, ""));
        Assert.Equal(["there is no such path"], contract.Check("GET", "/crm/objects/2027-09/contacts", "", null, ""));
    }
}

/// <summary>A test that needs the vendors' contracts: <see cref="VendorContract.Variable"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ContractFactAttribute : FactAttribute
{
    public ContractFactAttribute()
    {
        if (string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(VendorContract.Variable))) Skip = $"{VendorContract.Variable} does not name the vendors' contracts: no request is validated here.";
    }
}
