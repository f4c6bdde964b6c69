using System.Globalization;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Sync;

/// <summary>A simulated HubSpot account of any size, and what a service that has read all of it must hold: told by what was put in, not by what reading it gives.</summary>
internal sealed class BackfillWorld
{
    private static readonly string[] Jobs = ["CTO", "Buyer", "Owner", "Clerk"];

    private readonly HubSpotSimulator hubspot;
    private readonly Random random;
    private readonly DateTimeOffset start;
    private readonly List<Person> people = [];
    private readonly Dictionary<string, Deal> deals = [];

    /// <summary>A contact: how many mails it was sent, opened and clicked.</summary>
    private sealed record Person(string Id)
    {
        internal string Job { get; set; } = "";
        internal int Sent { get; set; }
        internal int Opened { get; set; }
        internal int Clicked { get; set; }
        internal List<string> Deals { get; } = [];
    }

    private sealed record Deal(string State, double Amount);

    internal BackfillWorld(HubSpotSimulator hubspot, TimeProvider time, int contacts, int seed)
    {
        (this.hubspot, random, start) = (hubspot, new Random(seed), time.GetUtcNow());
        for (var i = 0; i < contacts; i++) AddPerson();
    }

    /// <summary>Contacts that are there.</summary>
    internal int Contacts => people.Count;

    internal int Events => people.Sum(p => p.Sent + p.Opened + p.Clicked);

    internal int Deals => deals.Count;

    /// <summary>What goes on in an account while it is read: people come, others open mails and change jobs, deals are decided and opened again.</summary>
    internal void Live(int changes)
    {
        for (var i = 0; i < changes; i++)
        {
            var person = people[random.Next(people.Count)];
            switch (random.Next(4))
            {
                case 0:
                    AddPerson();
                    break;
                case 1:
                    hubspot.Set("contacts", person.Id, ("jobtitle", person.Job = Jobs[random.Next(Jobs.Length)] + " again"));
                    break;
                case 2:
                    if (person.Sent == 0) break;
                    person.Opened++;
                    SetMail(person);
                    break;
                default:
                    if (person.Deals is not [.. var _, var deal]) break;
                    deals[deal] = deals[deal] with { State = deals[deal].State == "open" ? "won" : "open" };
                    hubspot.Set("deals", deal, StateOf(deals[deal]));
                    break;
            }
        }
    }

    private void AddPerson()
    {
        var n = people.Count;
        var person = new Person(hubspot.Add("contacts", ("email", string.Create(CultureInfo.InvariantCulture, $"p{n}@example.com")), ("hs_analytics_num_visits", random.Next(30).ToString(CultureInfo.InvariantCulture))))
        {
            Job = Jobs[random.Next(Jobs.Length)], Sent = random.Next(4),
        };
        person.Opened = random.Next(person.Sent + 1);
        person.Clicked = random.Next(person.Opened + 1);
        hubspot.Set("contacts", person.Id, ("jobtitle", person.Job));
        SetMail(person);
        people.Add(person);
        if (random.Next(3) > 0) return;
        var deal = new Deal(((string[])["open", "won", "lost"])[random.Next(3)], random.Next(1, 1_000));
        var id = hubspot.Add("deals", [.. StateOf(deal), ("amount", deal.Amount.ToString(CultureInfo.InvariantCulture)), ("closedate", Ms(start.AddDays(-1)))]);
        deals[id] = deal;
        Join(person, id);
        // Of some deals there are two people.
        if (n > 0 && random.Next(10) == 0) Join(people[random.Next(n)], id);
    }

    private void Join(Person person, string deal)
    {
        hubspot.Associate(deal, person.Id);
        person.Deals.Add(deal);
    }

    private void SetMail(Person person) => hubspot.Set(
        "contacts", person.Id, ("hs_email_delivered", Text(person.Sent)), ("hs_email_open", Text(person.Opened)), ("hs_email_click", Text(person.Clicked)),
        ("hs_email_first_send_date", person.Sent > 0 ? Ms(start.AddDays(-20)) : null), ("hs_email_last_send_date", person.Sent > 0 ? Ms(start.AddDays(-2)) : null),
        ("hs_email_first_open_date", person.Opened > 0 ? Ms(start.AddDays(-19)) : null), ("hs_email_last_open_date", person.Opened > 0 ? Ms(start.AddDays(-1)) : null),
        ("hs_email_first_click_date", person.Clicked > 0 ? Ms(start.AddDays(-19)) : null), ("hs_email_last_click_date", person.Clicked > 0 ? Ms(start.AddDays(-1)) : null));

    private static (string, string?)[] StateOf(Deal deal) => [("hs_is_closed", deal.State == "open" ? "false" : "true"), ("hs_is_closed_won", deal.State == "won" ? "true" : "false")];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Ms(DateTimeOffset at) => at.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    /// <summary>What a service holds, where it is not what the account holds: leads, events and outcomes one by one, and the grades that were written back. Empty: nothing is missing, nothing is there twice.</summary>
    internal async Task<IReadOnlyList<string>> DifferencesAsync(IServiceProvider services, string organizationId, bool isWrittenBack = true)
    {
        var differences = new List<string>();
        void Compare<T>(string what, string lead, T expected, T actual)
        {
            if (!EqualityComparer<T>.Default.Equals(expected, actual)) differences.Add($"{what} of {lead}: {actual}, not {expected}");
        }

        var known = people.ToDictionary(p => "hubspot-" + p.Id, StringComparer.Ordinal);
        var events = new Dictionary<(string Lead, string Type), int>();
        var replayed = new Dictionary<string, List<ActivityEvent>>(StringComparer.Ordinal);
        await foreach (var e in services.GetRequiredService<EventStore>().ReadAllAsync(organizationId, CancellationToken.None))
        {
            events[(e.LeadId, e.Event.Type)] = events.GetValueOrDefault((e.LeadId, e.Event.Type)) + 1;
            if (!replayed.TryGetValue(e.LeadId, out var own)) replayed[e.LeadId] = own = [];
            own.Add(e.Event);
        }

        var leads = 0;
        await foreach (var lead in services.GetRequiredService<LeadStore>().StreamAllAsync(organizationId, CancellationToken.None))
        {
            leads++;
            if (!known.TryGetValue(lead.LeadId, out var person))
            {
                differences.Add($"lead {lead.LeadId} is nobody's");
                continue;
            }

            Compare("job title", lead.LeadId, person.Job, lead.Snapshot.Attribute("job_title").AsText());
            if (isWrittenBack) Compare("written grade", lead.LeadId, lead.Latest?.Grade.ToString(), hubspot.Get("contacts", person.Id, "lead_scoring_grade"));
            Compare("activity", lead.LeadId, Convert.ToHexString(ActivityState.Replay(replayed.GetValueOrDefault(lead.LeadId) ?? [], long.MaxValue).ToBytes()), Convert.ToHexString(lead.Snapshot.Activity.ToBytes()));
        }

        Compare("number", "leads", people.Count, leads);
        foreach (var (id, person) in known)
        {
            Compare("sent", id, person.Sent, events.GetValueOrDefault((id, "email_sent")));
            Compare("opened", id, person.Opened, events.GetValueOrDefault((id, "email_opened")));
            Compare("clicked", id, person.Clicked, events.GetValueOrDefault((id, "email_clicked")));
        }

        Compare("number", "events", Events, events.Values.Sum());
        var labels = new Dictionary<string, LabeledLead>(StringComparer.Ordinal);
        await foreach (var label in services.GetRequiredService<OutcomeStore>().ReadLabeledAsync(organizationId, CancellationToken.None)) labels.Add(label.LeadId, label);
        foreach (var (id, person) in known) Compare("outcome", id, OutcomeOf(person), labels.TryGetValue(id, out var l) ? (l.Converted, l.IsFinal == true, l.Revenue ?? 0) : ((bool, bool, double)?)null);
        return differences;
    }

    /// <summary>Won with the revenue of all that were; lost for good when all are.</summary>
    private (bool Converted, bool IsFinal, double Revenue)? OutcomeOf(Person person)
    {
        Deal[] own = [.. person.Deals.Distinct(StringComparer.Ordinal).Select(d => deals[d])];
        if (own.Where(d => d.State == "won").ToArray() is { Length: > 0 } won) return (true, false, won.Sum(d => d.Amount));
        return own.Length > 0 && own.All(d => d.State == "lost") ? (false, true, 0) : null;
    }
}
