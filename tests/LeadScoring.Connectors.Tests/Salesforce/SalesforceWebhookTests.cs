using System.Text;
using LeadScoring.Connectors.Salesforce;

namespace LeadScoring.Connectors.Tests.Salesforce;

public sealed class SalesforceWebhookTests
{
    private const string Secret = "a long secret";
    private const string Organization = "00D000000000001";
    private static readonly Uri Address = new("https://scores.example.com/v1/connectors/salesforce/inbound?secret=a%20long%20secret");

    private static string Message(string organization = "00D000000000001EAA", string type = "Lead", string record = "00Q000000000001AAA", string more = "") => $"""
        <?xml version="1.0" encoding="UTF-8"?>{more}
        <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
         <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
          <OrganizationId>{organization}</OrganizationId><ActionId>04k00000000001CAAQ</ActionId><SessionId xsi:nil="true"/>
          <EnterpriseUrl>https://example.com/c</EnterpriseUrl><PartnerUrl>https://example.com/u</PartnerUrl>
          <Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:{type}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{record}</sf:Id><sf:Email>a@example.com</sf:Email></sObject></Notification>
         </notifications></soapenv:Body>
        </soapenv:Envelope>
        """;

    private static InboundResult Read(string body, Uri? uri = null, string? secret = Secret, string? organization = Organization) =>
        new SalesforceWebhook(secret, organization).Read(new InboundRequest("POST", uri ?? Address, _ => null, Encoding.UTF8.GetBytes(body)));

    [Theory]
    [InlineData("Lead", "00Q000000000001AAA", InboundKind.ContactChanged)]
    [InlineData("Contact", "003000000000001AAA", InboundKind.ContactChanged)]
    [InlineData("Opportunity", "006000000000001AAA", InboundKind.DealChanged)]
    public void Read_OurOrganization_SaysWhatToFetchAndAcknowledges(string type, string record, InboundKind kind)
    {
        var result = Read(Message(type: type, record: record));
        Assert.Null(result.Refusal);
        Assert.Equal([("04l000000000001AAA", kind, record)], result.Changes.Select(c => (c.EventId, c.Kind, c.RecordId)));
        Assert.Contains("<Ack>true</Ack>", result.Answer!.Body);
        Assert.StartsWith("text/xml", result.Answer.ContentType);
    }

    [Fact]
    public void Read_OtherObject_IsAcknowledgedAndTellsNothing()
    {
        var result = Read(Message(type: "Case", record: "500000000000001AAA"));
        Assert.Null(result.Refusal);
        Assert.Empty(result.Changes);
        Assert.NotNull(result.Answer);
    }

    public static TheoryData<string, string, string?, string?, string> Forgeries => new()
    {
        { Message(), Address.AbsoluteUri, null, Organization, "no secret is set" },
        { Message(), Address.AbsoluteUri, Secret, null, "OPTIONS__ORGANIZATIONID is not set" },
        { Message(), "https://scores.example.com/inbound", Secret, Organization, "no secret in the address" },
        { Message(), "https://scores.example.com/inbound?secret=a%20long%20secret&secret=b", Secret, Organization, "no secret in the address" },
        { Message(), "https://scores.example.com/inbound?secret=a%20long%20secreT", Secret, Organization, "the secret in the address is wrong" },
        { Message(), "https://scores.example.com/inbound?secret=", Secret, Organization, "the secret in the address is wrong" },
        { Message("00D000000000002EAA"), Address.AbsoluteUri, Secret, Organization, "it is another organization's" },
        { Message("00d000000000001EAA"), Address.AbsoluteUri, Secret, Organization, "it is another organization's" },
        { Message(""), Address.AbsoluteUri, Secret, Organization, "it is another organization's" },
        { Message(), Address.AbsoluteUri, Secret, "00D", "it is another organization's" },
        { "{}", Address.AbsoluteUri, Secret, Organization, "the body is no outbound message" },
        { "", Address.AbsoluteUri, Secret, Organization, "the body is no outbound message" },
        { "<notifications/>", Address.AbsoluteUri, Secret, Organization, "the body is no outbound message" },
        { Message(more: "<!DOCTYPE x [<!ENTITY a \"b\">]>"), Address.AbsoluteUri, Secret, Organization, "the body is no outbound message" },
    };

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Read_AnythingMissingOrWrong_IsRefused(string body, string uri, string? secret, string? organization, string why)
    {
        var result = Read(body, new Uri(uri), secret, organization);
        Assert.Equal(why, result.Refusal);
        Assert.Null(result.Answer);
    }

    [Theory]
    [InlineData("00Q00000000'001AAA")]
    [InlineData("003000000000001AAA")]
    [InlineData("")]
    public void Read_RecordThatIsNone_IsLeftOut(string record) => Assert.Empty(Read(Message(record: record)).Changes);
}
