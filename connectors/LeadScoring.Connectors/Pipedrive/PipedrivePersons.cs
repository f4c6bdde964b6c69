using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Persons with their organization and what their leads say. A lead of Pipedrive is an opportunity of a person before it is a deal: the person is who is scored.</summary>
internal sealed class PipedrivePersons(PipedriveClient client, PipedriveFields fields, IReadOnlyList<string> more)
{
    private static readonly TimeSpan LeadsEvery = TimeSpan.FromHours(1);

    internal PipedriveSource<ContactRecord>[] Sources =>
    [
        new(ReadPersonsAsync, TimeSpan.Zero),
        // 20 tokens a page; webhooks tell sooner.
        new(ReadLeadsAsync, LeadsEvery),
    ];

    private async Task<(IReadOnlyList<ContactRecord>, string?)> ReadPersonsAsync(DateTimeOffset? from, string? cursor, CancellationToken cancellationToken)
    {
        var page = await client.ListAsync("persons", Window(from), cursor, PipedriveJson.Default.Persons, RequestPriority.Background, cancellationToken);
        return (await RecordsAsync(page.Data ?? [], cancellationToken), page.AdditionalData?.NextCursor);
    }

    internal static string Window(DateTimeOffset? from) => string.Create(CultureInfo.InvariantCulture, $"limit={PipedriveClient.Page}&sort_direction=asc")
        + (from is { } since ? $"&sort_by=update_time&updated_since={Uri.EscapeDataString(PipedriveClient.Moment(since))}" : "&sort_by=id");

    private async Task<(IReadOnlyList<ContactRecord>, string?)> ReadLeadsAsync(DateTimeOffset? from, string? start, CancellationToken cancellationToken)
    {
        // Version 1 pages by number: in the order of creation nothing shifts when leads are added; those that are deleted meanwhile are why windows overlap.
        var query = string.Create(CultureInfo.InvariantCulture, $"limit={PipedriveClient.Batch}&start={start ?? "0"}&sort=add_time") + (from is { } since ? "&updated_since=" + Uri.EscapeDataString(PipedriveClient.Moment(since)) : "");
        var page = await client.LeadsAsync(query, cancellationToken);
        var leads = (page.Data ?? []).Where(l => l.PersonId is not null).GroupBy(l => l.PersonId!.Value).ToDictionary(g => g.Key.ToString(CultureInfo.InvariantCulture), g => g.Last(), StringComparer.Ordinal);
        var records = leads.Count == 0 ? [] : await FetchAsync([.. leads.Keys], cancellationToken);
        ContactRecord[] with = [.. records.Select(r => r.IsDeleted ? r : r with { Properties = new Dictionary<string, string?>(r.Properties) { ["lead_source"] = leads[r.Id].SourceName, ["lead_value"] = Text(leads[r.Id].Value?.Amount) } })];
        return (with, page.AdditionalData?.Pagination is { MoreItemsInCollection: true, NextStart: { } next } ? next.ToString(CultureInfo.InvariantCulture) : null);
    }

    internal async Task<IReadOnlyList<ContactRecord>> FetchAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        string[] known = [.. ids.Where(IsId)];
        if (known.Length == 0) return [];
        var page = await client.ListAsync("persons", string.Create(CultureInfo.InvariantCulture, $"limit={PipedriveClient.Page}&ids={string.Join(',', known)}"), null, PipedriveJson.Default.Persons, RequestPriority.Background, cancellationToken);
        return await RecordsAsync(page.Data ?? [], cancellationToken);
    }

    internal static bool IsId(string id) => id.Length is > 0 and <= 18 && id.All(char.IsAsciiDigit);

    private async Task<IReadOnlyList<ContactRecord>> RecordsAsync(IReadOnlyList<Person> persons, CancellationToken cancellationToken)
    {
        var companies = new Dictionary<long, Company>();
        foreach (var ids in persons.Where(p => !p.IsDeleted).Select(p => p.OrgId).OfType<long>().Distinct().Chunk(PipedriveClient.Batch))
        {
            var page = await client.ListAsync("organizations", string.Create(CultureInfo.InvariantCulture, $"limit={PipedriveClient.Page}&ids={string.Join(',', ids)}"), null, PipedriveJson.Default.Companies, RequestPriority.Background, cancellationToken);
            foreach (var company in page.Data ?? []) companies[company.Id] = company;
        }

        var custom = more.Count == 0 ? [] : await fields.NamedAsync(more, cancellationToken);
        return [.. persons.Select(p => Read(p, p.OrgId is { } org ? companies.GetValueOrDefault(org) : null, custom))];
    }

    private static ContactRecord Read(Person person, Company? company, IReadOnlyList<(string Name, PersonField Field)> custom)
    {
        var id = person.Id.ToString(CultureInfo.InvariantCulture);
        if (person.IsDeleted) return new ContactRecord(id, null, new Dictionary<string, string?>()) { IsDeleted = true };
        string[] emails = [.. (person.Emails ?? []).Where(e => !string.IsNullOrWhiteSpace(e.Value)).OrderByDescending(e => e.Primary).Select(e => e.Value!)];
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["email"] = emails.FirstOrDefault(), ["phone"] = (person.Phones ?? []).OrderByDescending(p => p.Primary).FirstOrDefault()?.Value, ["first_name"] = person.FirstName, ["last_name"] = person.LastName ?? person.Name,
            ["job_title"] = person.JobTitle, ["city"] = person.PostalAddress?.Locality, ["state"] = person.PostalAddress?.AdminAreaLevel1, ["zip_code"] = person.PostalAddress?.PostalCode, ["country"] = person.PostalAddress?.Country,
            ["company"] = company?.Name, ["company_country"] = company?.Address?.Country, ["company_employees"] = Text(company?.EmployeeCount), ["company_annual_revenue"] = Text(company?.AnnualRevenue),
        };
        foreach (var (name, field) in custom) properties[name] = person.CustomFields is { } values && values.TryGetValue(field.FieldCode, out var value) ? Text(value, field) : null;
        return new ContactRecord(id, emails.FirstOrDefault(), properties, person.AddTime) { OtherEmails = [.. emails.Skip(1)] };
    }

    private static string? Text(double? number) => number?.ToString(CultureInfo.InvariantCulture);

    private static string? Text(JsonElement value, PersonField field) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        // Money, addresses: what people would read.
        JsonValueKind.Object => value.TryGetProperty("value", out var inner) ? Text(inner, field) : null,
        JsonValueKind.Array => string.Join(',', value.EnumerateArray().Select(v => Text(v, field))),
        _ => field.Options?.FirstOrDefault(o => o.Id.ToString() == value.ToString())?.Label ?? value.ToString(),
    };
}
