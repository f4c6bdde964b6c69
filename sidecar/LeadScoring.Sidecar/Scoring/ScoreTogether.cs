using System.Collections.Concurrent;
using LeadScoring.Sidecar.Models;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Scores that want their factors explained: those that ask at the same time are made together, as explaining many at once costs a quarter of one by one.</summary>
/// <remarks>
/// One core is left to those who receive and send, the others explain: then groups grow with the load. Who finds a place free is scored at once, on the caller's thread, so a lone request waits for nobody; who does not
/// joins the next group, which starts as soon as a place is free.
/// </remarks>
internal sealed class ScoreTogether(LeadScorer scorer, IOptions<ScoringOptions> options)
{
    private readonly int most = options.Value.ExplainTogether;
    private readonly ConcurrentQueue<Waiting> queue = new();
    private int free = Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>Largest group so far.</summary>
    internal int Largest { get; private set; }

    internal ValueTask<ScoreResult> ScoreAsync(ActiveModel active, in ScoreInput input)
    {
        if (!TryEnter()) return new(Join(active, input));
        try
        {
            return new(scorer.Score(active, [input])[0]);
        }
        finally
        {
            Leave();
        }
    }

    private Task<ScoreResult> Join(ActiveModel active, in ScoreInput input)
    {
        var waiting = new Waiting(active, input);
        queue.Enqueue(waiting);
        // The last place may have become free between the look and the queue.
        if (TryEnter()) ThreadPool.UnsafeQueueUserWorkItem(static t => t.RunGroup(), this, preferLocal: false);
        return waiting.Result.Task;
    }

    private bool TryEnter()
    {
        if (Interlocked.Decrement(ref free) >= 0) return true;
        Interlocked.Increment(ref free);
        return false;
    }

    /// <summary>Gives the place to those who wait, else back.</summary>
    private void Leave()
    {
        if (queue.IsEmpty)
        {
            Interlocked.Increment(ref free);
            if (queue.IsEmpty || !TryEnter()) return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static t => t.RunGroup(), this, preferLocal: false);
    }

    private void RunGroup()
    {
        var group = new List<Waiting>();
        while (group.Count < most && queue.TryDequeue(out var waiting)) group.Add(waiting);
        Largest = Math.Max(Largest, group.Count);
        try
        {
            foreach (var same in group.GroupBy(w => w.Active)) Score(same.Key, [.. same]);
        }
        finally
        {
            Leave();
        }
    }

    private void Score(ActiveModel active, Waiting[] waiting)
    {
        try
        {
            var results = scorer.Score(active, Array.ConvertAll(waiting, w => w.Input));
            for (var i = 0; i < waiting.Length; i++) waiting[i].Result.SetResult(results[i]);
        }
        catch (Exception e)
        {
            // Each caller is told, as if he had been alone.
            foreach (var one in waiting) one.Result.TrySetException(e);
        }
    }

    private sealed class Waiting(ActiveModel active, in ScoreInput input)
    {
        internal ActiveModel Active { get; } = active;

        internal ScoreInput Input { get; } = input;

        internal TaskCompletionSource<ScoreResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
