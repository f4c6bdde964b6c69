namespace LeadScoring.Connectors.HubSpot;

/// <summary>What of a HubSpot deal is read: where it stands by its own properties, else by its stage.</summary>
internal sealed class HubSpotDeals(HubSpotClient client)
{
    internal const string Type = "deals";
    internal const string Modified = "hs_lastmodifieddate";

    internal static string[] Properties { get; } = ["hs_object_id", "dealstage", "pipeline", "amount", "amount_in_home_currency", "closedate", "hs_is_closed", "hs_is_closed_won"];

    private Dictionary<string, PipelineStage>? stages;

    internal async Task<IReadOnlyList<DealRecord>> ReadAsync(IReadOnlyList<CrmObject> objects, CancellationToken cancellationToken)
    {
        if (objects.Count == 0) return [];
        // Lists bring associations along, but of a deal with many only the first.
        CrmObject[] unknown = [.. objects.Where(o => !o.Archived && (o.Associations is not { } a || a.Values.Any(v => v.Paging?.Next is not null)))];
        var contacts = unknown.Length == 0 ? [] : await client.AssociatedAsync(Type, HubSpotContacts.Type, unknown.Select(o => o.Id), cancellationToken);
        var deals = new List<DealRecord>(objects.Count);
        foreach (var o in objects)
        {
            if (o.Archived)
            {
                deals.Add(new DealRecord(o.Id, DealState.Deleted, [], null, null, null));
                continue;
            }

            IReadOnlyList<string> ids = contacts.TryGetValue(o.Id, out var read) ? read
                : o.Associations is { } own && own.TryGetValue(HubSpotContacts.Type, out var listed) ? [.. listed.Results.Select(r => r.Id)] : [];
            var stage = HubSpotContacts.Value(o, "dealstage") is { } id ? (await StagesAsync(id, cancellationToken)).GetValueOrDefault(id) : null;
            var state = StateOf(o, stage);
            deals.Add(new DealRecord(
                o.Id, state, [.. ids.Distinct(StringComparer.Ordinal)], state == DealState.Open ? null : HubSpotContacts.Moment(o, "closedate"),
                HubSpotContacts.Number(o, "amount_in_home_currency") ?? HubSpotContacts.Number(o, "amount"), stage?.Label));
        }

        return deals;
    }

    private static DealState StateOf(CrmObject deal, PipelineStage? stage)
    {
        if (HubSpotContacts.Value(deal, "hs_is_closed_won") is { } won && bool.TryParse(won, out var isWon) && isWon) return DealState.Won;
        if (HubSpotContacts.Value(deal, "hs_is_closed") is { } closed && bool.TryParse(closed, out var isClosed)) return isClosed ? DealState.Lost : DealState.Open;
        return stage?.Metadata?.GetValueOrDefault("probability") switch
        {
            "1.0" or "1" => DealState.Won,
            "0.0" or "0" => DealState.Lost,
            _ => DealState.Open,
        };
    }

    /// <summary>Stages by id, read again when a deal is in one that is not known.</summary>
    private async Task<Dictionary<string, PipelineStage>> StagesAsync(string needed, CancellationToken cancellationToken)
    {
        if (stages?.ContainsKey(needed) == true) return stages;
        var fresh = new Dictionary<string, PipelineStage>(StringComparer.Ordinal);
        foreach (var stage in (await client.PipelinesAsync(cancellationToken)).Results.SelectMany(p => p.Stages)) fresh[stage.Id] = stage;
        // A stage that was deleted with deals in it: not asked for again and again.
        fresh.TryAdd(needed, new PipelineStage(needed, needed, null));
        return stages = fresh;
    }
}
