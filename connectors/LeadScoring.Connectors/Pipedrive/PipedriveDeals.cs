using System.Globalization;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Deals: open and closed ones, those that were archived, and those that were deleted, which are three lists.</summary>
internal sealed class PipedriveDeals(PipedriveClient client)
{
    private const string Archived = "deals/archived";
    private static readonly TimeSpan SideEvery = TimeSpan.FromHours(1);

    private Dictionary<long, string> stages = [];

    internal PipedriveSource<DealRecord>[] Sources => [new((f, c, t) => ReadAsync("deals", "", f, c, t), TimeSpan.Zero), new((f, c, t) => ReadAsync(Archived, "", f, c, t), SideEvery), new(ReadDeletedAsync, SideEvery)];

    private async Task<(IReadOnlyList<DealRecord>, string?)> ReadAsync(string path, string more, DateTimeOffset? from, string? cursor, CancellationToken cancellationToken)
    {
        var page = await client.ListAsync(path, PipedrivePersons.Window(from) + more, cursor, PipedriveJson.Default.Deals, RequestPriority.Background, cancellationToken);
        return (await RecordsAsync(page.Data ?? [], cancellationToken), page.AdditionalData?.NextCursor);
    }

    /// <summary>What was deleted before the first walk was never told.</summary>
    private async Task<(IReadOnlyList<DealRecord>, string?)> ReadDeletedAsync(DateTimeOffset? from, string? cursor, CancellationToken cancellationToken)
    {
        if (from is null) return ([], null);
        var (deals, next) = await ReadAsync("deals", "&status=deleted", from, cursor, cancellationToken);
        return ([.. deals.Select(d => Gone(d.Id))], next);
    }

    internal async Task<IReadOnlyList<DealRecord>> FetchAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var found = new List<DealRecord>();
        foreach (var path in (string[])["deals", Archived])
        {
            string[] open = [.. ids.Where(PipedrivePersons.IsId).Except(found.Select(d => d.Id))];
            if (open.Length == 0) break;
            var page = await client.ListAsync(path, string.Create(CultureInfo.InvariantCulture, $"limit={PipedriveClient.Page}&ids={string.Join(',', open)}"), null, PipedriveJson.Default.Deals, RequestPriority.Background, cancellationToken);
            found.AddRange(await RecordsAsync(page.Data ?? [], cancellationToken));
        }

        return found;
    }

    private static DealRecord Gone(string id) => new(id, DealState.Deleted, [], null, null, null);

    private async Task<IReadOnlyList<DealRecord>> RecordsAsync(IReadOnlyList<Deal> deals, CancellationToken cancellationToken)
    {
        if (deals.Select(d => d.StageId).OfType<long>().Any(s => !stages.ContainsKey(s)))
        {
            var fresh = new Dictionary<long, string>();
            foreach (var stage in await client.AllAsync("stages", PipedriveJson.Default.Stages, RequestPriority.Background, cancellationToken)) fresh[stage.Id] = stage.Name ?? "";
            // A stage that was deleted with deals in it: not asked for again and again.
            foreach (var id in deals.Select(d => d.StageId).OfType<long>()) fresh.TryAdd(id, "");
            stages = fresh;
        }

        return [.. deals.Select(Read)];
    }

    private DealRecord Read(Deal deal)
    {
        var id = deal.Id.ToString(CultureInfo.InvariantCulture);
        if (deal.IsDeleted || deal.Status == "deleted") return Gone(id);
        var state = deal.Status switch { "won" => DealState.Won, "lost" => DealState.Lost, _ => DealState.Open };
        var closedAt = state switch { DealState.Won => deal.WonTime ?? deal.CloseTime, DealState.Lost => deal.LostTime ?? deal.CloseTime, _ => null };
        return new DealRecord(
            id, state, deal.PersonId is { } person ? [person.ToString(CultureInfo.InvariantCulture)] : [], closedAt, deal.Value, deal.StageId is { } stage && stages.GetValueOrDefault(stage) is { Length: > 0 } name ? name : null);
    }
}
