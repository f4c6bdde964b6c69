using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

/// <summary>Progress of a run as server-sent events: one whenever something changed, one in a while when nothing did, and a last one named "ended".</summary>
internal static class FollowTrainingRun
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    // Proxies close what is silent for half a minute.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    internal static async Task<ServerSentEventsResult<GetTrainingRun.Response>> HandleAsync(string runId, Caller caller, TrainingRunStore runs, TimeProvider time, CancellationToken cancellationToken)
    {
        // A run that is not there is an answer, not a stream.
        var first = await runs.GetAsync(caller.OrganizationId, runId, cancellationToken);
        return TypedResults.ServerSentEvents(EventsAsync(first, runs, time, cancellationToken));
    }

    private static async IAsyncEnumerable<SseItem<GetTrainingRun.Response>> EventsAsync(TrainingRun run, TrainingRunStore runs, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var told = (Run: (TrainingRun?)null, At: 0L);
        while (true)
        {
            var hasEnded = run.FinishedAtMs is not null;
            if (told.Run != run || time.GetElapsedTime(told.At) >= Silence)
            {
                told = (run, time.GetTimestamp());
                yield return new SseItem<GetTrainingRun.Response>(GetTrainingRun.Of(run, time.GetUtcNow()), hasEnded ? "ended" : "progress");
            }

            if (hasEnded) yield break;
            await Task.Delay(Look, time, cancellationToken);
            run = await runs.GetAsync(run.OrganizationId, run.RunId, cancellationToken);
        }
    }
}
