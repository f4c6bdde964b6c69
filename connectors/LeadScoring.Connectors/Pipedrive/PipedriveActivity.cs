using System.Globalization;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Activities that are done.</summary>
internal sealed class PipedriveActivity(PipedriveClient client)
{
    internal PipedriveSource<ActivityRecord>[] Sources => [new(ReadAsync, TimeSpan.Zero)];

    private async Task<(IReadOnlyList<ActivityRecord>, string?)> ReadAsync(DateTimeOffset? from, string? cursor, CancellationToken cancellationToken)
    {
        var page = await client.ListAsync("activities", PipedrivePersons.Window(from) + "&done=true", cursor, PipedriveJson.Default.Activities, RequestPriority.Background, cancellationToken);
        return ([.. (page.Data ?? []).Select(Read).OfType<ActivityRecord>()], page.AdditionalData?.NextCursor);
    }

    /// <summary>Null: not done, deleted, or nobody's.</summary>
    internal static ActivityRecord? Read(DoneActivity activity)
    {
        var person = activity.PersonId ?? (activity.Participants ?? []).OrderByDescending(p => p.Primary).FirstOrDefault()?.PersonId;
        if (activity.IsDeleted || !activity.Done || person is not { } who || (activity.MarkedAsDoneTime ?? activity.UpdateTime ?? activity.AddTime) is not { } at) return null;
        var (type, source) = activity.Type switch { "call" => ("phone_call", "phone"), "email" => ("email_sent", "email"), "meeting" => ("meeting", "crm"), _ => ("task_completed", "crm") };
        return new ActivityRecord(activity.Id.ToString(CultureInfo.InvariantCulture), who.ToString(CultureInfo.InvariantCulture), null, type, source, at);
    }
}
