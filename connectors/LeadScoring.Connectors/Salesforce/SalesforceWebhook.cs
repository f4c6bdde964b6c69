using System.Security.Cryptography;
using System.Text;
using System.Web;
using System.Xml;
using System.Xml.Linq;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>Outbound messages of Salesforce: SOAP, unsigned.</summary>
/// <remarks>
/// What stands for a signature is a secret in the address (<c>?secret=...</c>, over TLS) and the id of the organization in the message: both must be set and right. What the message says of a record is not believed
/// all the same: it only says what to fetch. Source: Salesforce, SOAP API developer guide, "Outbound Messaging".
/// </remarks>
internal sealed class SalesforceWebhook(string? secret, string? organizationId)
{
    internal const string SecretParameter = "secret";
    private const int MostNotifications = 100;
    private static readonly XNamespace Soap = "http://schemas.xmlsoap.org/soap/envelope/";
    private static readonly XNamespace Outbound = "http://soap.sforce.com/2005/09/outbound";
    private static readonly XNamespace Instance = "http://www.w3.org/2001/XMLSchema-instance";

    /// <summary>Without exactly this Salesforce sends the message again for a day.</summary>
    private static readonly InboundAnswer Ack = new(
        "text/xml; charset=utf-8",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>"
            + "<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>");

    internal InboundResult Read(InboundRequest request)
    {
        if (string.IsNullOrWhiteSpace(secret)) return InboundResult.Refused("no secret is set");
        if (string.IsNullOrWhiteSpace(organizationId)) return InboundResult.Refused("OPTIONS__ORGANIZATIONID is not set");
        if (HttpUtility.ParseQueryString(request.Uri.Query).GetValues(SecretParameter) is not [var given]) return InboundResult.Refused("no secret in the address");
        if (!CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(secret)))) return InboundResult.Refused("the secret in the address is wrong");
        if (Parse(request.Body) is not { } message) return InboundResult.Refused("the body is no outbound message");
        // 15 characters or the same with 3 of a checksum: the first 15 count.
        var from = message.Element(Outbound + "OrganizationId")?.Value.Trim() ?? "";
        if (from.Length is not (15 or 18) || organizationId.Trim() is not { Length: 15 or 18 } ours || !string.Equals(from[..15], ours[..15], StringComparison.Ordinal)) return InboundResult.Refused("it is another organization's");
        XElement[] notifications = [.. message.Elements(Outbound + "Notification")];
        return notifications.Length is 0 or > MostNotifications ? InboundResult.Refused("the body is no outbound message") : new InboundResult(null, [.. notifications.Select(Change).OfType<InboundChange>()]) { Answer = Ack };
    }

    private static XElement? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var stream = new MemoryStream(body.ToArray());
            using var reader = XmlReader.Create(stream, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersFromEntities = 1_024 });
            return XDocument.Load(reader).Root is { } root && root.Name == Soap + "Envelope" ? root.Element(Soap + "Body")?.Element(Outbound + "notifications") : null;
        }
        catch (XmlException)
        {
            return null;
        }
    }

    private static InboundChange? Change(XElement notification)
    {
        var subject = notification.Element(Outbound + "sObject");
        var type = subject?.Attribute(Instance + "type")?.Value.Split(':')[^1];
        var record = subject?.Elements().FirstOrDefault(e => e.Name.LocalName == "Id")?.Value.Trim() ?? "";
        var id = notification.Element(Outbound + "Id")?.Value.Trim() ?? "";
        if (!SalesforceClient.IsId(record) || !SalesforceClient.IsId(id)) return null;
        return type switch
        {
            SalesforceContacts.Lead or SalesforceContacts.Contact when SalesforceContacts.TypeOf(record) == type => new InboundChange(id, InboundKind.ContactChanged, record),
            SalesforceDeals.Opportunity => new InboundChange(id, InboundKind.DealChanged, record),
            _ => null,
        };
    }
}
