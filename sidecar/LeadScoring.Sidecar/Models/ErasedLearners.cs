using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>A version that learned from somebody who was erased.</summary>
/// <param name="State">champion, challenger, shadow or retired: whether it still scores.</param>
/// <param name="ReplacedAt">When another version took its place as the champion; absent while it is in use, and when it never was.</param>
public sealed record ErasedLearner(int Version, string State, DateTimeOffset? ReplacedAt);

/// <summary>Which versions learned from people who were erased: their lists of learned leads forget the person, this table remembers the version.</summary>
internal sealed class ErasedLearners(Tombstones tombstones)
{
    private sealed record Row
    {
        public int Version { get; init; }
        public byte[]? LearnedFrom { get; init; }
    }

    /// <summary>Takes a person out of the lists of all versions.</summary>
    /// <returns>Versions that learned from the person, and those of which nobody kept a list.</returns>
    internal static async Task<(int[] Learned, int[] Unknown)> ForgetAsync(WriteTransaction transaction, ErasedPerson person, string erasureId, CancellationToken cancellationToken)
    {
        const string Lists = "select version as Version, learned_from as LearnedFrom from model_bundles where organization_id = @OrganizationId order by version";
        const string Shorten = "update model_bundles set learned_from = @list where organization_id = @OrganizationId and version = @version";
        var (learned, unknown) = (new List<int>(), new List<int>());
        foreach (var row in (await transaction.Connection.QueryAsync<Row>(transaction.Command(Lists, new { person.OrganizationId }, cancellationToken))).AsList())
        {
            if (row.LearnedFrom is null) unknown.Add(row.Version);
            else if (LearnedLeads.Without(row.LearnedFrom, person.LeadIds) is { } list)
            {
                await transaction.ExecuteAsync(Shorten, new { person.OrganizationId, list, version = row.Version }, cancellationToken);
                await AddAsync(transaction, person.OrganizationId, erasureId, row.Version, cancellationToken);
                learned.Add(row.Version);
            }
        }

        return ([.. learned], [.. unknown]);
    }

    /// <summary>Somebody may be erased while a model is trained: the version goes on the list of that erasure, and its own list does not know the person.</summary>
    /// <returns>The list without those.</returns>
    internal async Task<byte[]> NoteAsync(WriteTransaction transaction, string organizationId, int version, IReadOnlyList<string> leadIds, byte[] list, CancellationToken cancellationToken)
    {
        var erased = await tombstones.ErasedAsync(transaction, organizationId, leadIds, cancellationToken);
        foreach (var erasureId in erased.Select(e => e.ErasureId).Distinct()) await AddAsync(transaction, organizationId, erasureId, version, cancellationToken);
        return erased.Count == 0 ? list : LearnedLeads.Without(list, [.. erased.Select(e => e.LeadId)]) ?? list;
    }

    /// <summary>The versions of an erasure as they stand now.</summary>
    internal static async Task<IReadOnlyList<ErasedLearner>> ListAsync(Database database, string organizationId, string erasureId, CancellationToken cancellationToken)
    {
        const string Sql = """
            select e.version as Version, case when p.version is not null then 'champion' else coalesce(a.alias, 'retired') end as State, (
                select max(promoted_at_ms) from promotions n where n.organization_id = e.organization_id and n.previous = e.version) as ReplacedMs
            from erased_learners e
            left join (select version from promotions where organization_id = @organizationId order by change desc limit 1) p on p.version = e.version
            left join model_aliases a on a.organization_id = e.organization_id and a.version = e.version
            where e.organization_id = @organizationId and e.erasure_id = @erasureId order by e.version
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<(int Version, string State, long? ReplacedMs)>(new CommandDefinition(Sql, new { organizationId, erasureId }, cancellationToken: cancellationToken));
        return [.. rows.Select(r => new ErasedLearner(r.Version, r.State, r.State == "retired" ? Moment.Of(r.ReplacedMs) : null))];
    }

    private static Task<int> AddAsync(WriteTransaction transaction, string organizationId, string erasureId, int version, CancellationToken cancellationToken) => transaction.ExecuteAsync(
        "insert into erased_learners (organization_id, erasure_id, version) values (@organizationId, @erasureId, @version) on conflict do nothing", new { organizationId, erasureId, version }, cancellationToken);
}
