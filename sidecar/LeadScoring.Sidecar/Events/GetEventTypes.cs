using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Events;

internal static class GetEventTypes
{
    /// <param name="Events">How many were received; repeats are not counted, erased leads' are.</param>
    /// <param name="BotEvents">Of those: a machine's by themselves (is_bot, user agent or host).</param>
    /// <param name="IsUsed">Whether a feature of the active profile is made of this type. Types that none is made of count as activity all the same (recency, trend, hours).</param>
    /// <param name="Features">Which features.</param>
    /// <param name="FirstSeen">When the first was received.</param>
    /// <param name="LastSeen">When the latest was received.</param>
    public sealed record Item(string Type, long Events, long BotEvents, bool IsUsed, IReadOnlyList<string> Features, DateTimeOffset FirstSeen, DateTimeOffset LastSeen);

    /// <param name="Events">Events of today's leads that are kept and do not count: bots and bursts.</param>
    /// <param name="Leads">Leads that have any.</param>
    public sealed record NotCounted(long Events, long Leads);

    /// <param name="NotCounted">Machines among the events, over all types.</param>
    public sealed record Response(IReadOnlyList<Item> Types, NotCounted NotCounted);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, EventTypeStore store, ProfileStore profiles, Database database, CancellationToken cancellationToken)
    {
        const string Sql = "select cast(coalesce(sum(bot_events), 0) as bigint) as Events, count(*) as Leads from leads where organization_id = @OrganizationId and bot_events > 0";
        var profile = (await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)).Profile;
        var types = await store.ListAsync(caller.OrganizationId, cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var machines = await connection.QuerySingleAsync<(long Events, long Leads)>(new CommandDefinition(Sql, new { caller.OrganizationId }, cancellationToken: cancellationToken));
        return TypedResults.Ok(new Response(
            [
                .. from t in types
                   let features = profile.FeaturesOf(t.Type)
                   select new Item(t.Type, t.Events, t.BotEvents, features.Count > 0, features, Moment.Of(t.FirstReceivedAtMs), Moment.Of(t.LastReceivedAtMs)),
            ],
            new NotCounted(machines.Events, machines.Leads)));
    }
}
