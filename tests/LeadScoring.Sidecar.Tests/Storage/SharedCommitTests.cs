using System.Buffers.Binary;
using Dapper;
using LeadScoring.Sidecar.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>Writers of SQLite that wait for each other share a commit: none is told before it, none pays for another's failure.</summary>
public sealed class SharedCommitTests() : SqliteFile("full")
{
    [Fact]
    public async Task Writes_ThatWait_ShareCommits()
    {
        var before = Commits();
        await BehindAsync([.. Enumerable.Range(1, 200).Select(Insert)]);
        Assert.Equal(200, await CountAsync());
        Assert.InRange(Commits() - before, 1, 100);
    }

    [Fact]
    public async Task Write_Alone_IsCommittedAtOnce()
    {
        await Insert(1)();
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Write_Refused_TakesBackItselfAlone()
    {
        var results = await BehindAsync(Insert(1), Insert(2), Insert(2), () => Database.WriteAsync(async t =>
        {
            await t.ExecuteAsync("insert into notes (id) values (3)", null, default);
            throw new InvalidDataException("Refused.");
        }, default), Insert(4));
        Assert.Equal([true, true, false, false, true], results.Select(r => r.IsCompletedSuccessfully));
        Assert.IsType<SqliteException>(results[2].Exception!.InnerException);
        Assert.IsType<InvalidDataException>(results[3].Exception!.InnerException);
        Assert.Equal(3, await CountAsync());
    }

    [Fact]
    public async Task Write_RefusedLast_LeavesTheOthersCommitted()
    {
        var results = await BehindAsync(Insert(1), Insert(2), Insert(1));
        Assert.Equal([true, true, false], results.Select(r => r.IsCompletedSuccessfully));
        Assert.Equal(2, await CountAsync());
    }

    [Fact]
    public async Task Commit_ThatFails_IsToldToAllOfIt()
    {
        var results = await BehindAsync(Insert(1), () => Database.WriteAsync(t => t.ExecuteAsync("insert into answers values (99)", null, default), default), Insert(2));
        Assert.IsType<SqliteException>(results[1].Exception?.InnerException);
        // Who shared the commit with it depends on how fast they were: who was told that it is done, is done.
        var done = new[] { results[0], results[2] }.Count(r => r.IsCompletedSuccessfully);
        Assert.Equal(done, await CountAsync());
        await Insert(3)();
        Assert.Equal(done + 1, await CountAsync());
    }

    [Fact]
    public async Task Write_ThatFailsFirst_LeavesTheOthersATransactionOfTheirOwn()
    {
        var results = await BehindAsync(() => Database.WriteAsync<int>(_ => throw new InvalidDataException("Refused."), default), Insert(1), Insert(2));
        Assert.Equal([false, true, true], results.Select(r => r.IsCompletedSuccessfully));
        Assert.Equal(2, await CountAsync());
    }

    [Fact]
    public async Task Written_IsRaisedAfterTheCommit()
    {
        var seen = new List<(string? Lead, int Rows)>();
        Database.Written += leads =>
        {
            var rows = CountAsync().GetAwaiter().GetResult();
            lock (seen) seen.Add((leads.Single().LeadId, rows));
        };
        await BehindAsync([.. Enumerable.Range(1, 20).Select(i => (Func<Task>)(() => Database.WriteAsync(t =>
        {
            t.Touch("acme", $"{i}");
            return t.ExecuteAsync("insert into notes (id) values (@i)", new { i }, default);
        }, default)))]);
        Assert.Equal(20, seen.Count);
        // At the earliest with its own row in place: rows come in order.
        Assert.All(seen, s => Assert.InRange(s.Rows, int.Parse(s.Lead!, System.Globalization.CultureInfo.InvariantCulture), 20));
    }

    private Func<Task> Insert(int id) => () => Database.WriteAsync(t => t.ExecuteAsync("insert into notes (id) values (@id)", new { id }, default), default);

    /// <summary>Begins all while somebody holds the writer, so that they wait for it together; the ended tasks.</summary>
    private async Task<Task[]> BehindAsync(params Func<Task>[] writes)
    {
        var (held, free) = (new TaskCompletionSource(), new TaskCompletionSource());
        var holder = Database.WriteAsync(async t =>
        {
            held.SetResult();
            await free.Task;
            return 0;
        }, default);
        await held.Task;
        Task[] tasks = [.. writes.Select(w => w())];
        free.SetResult();
        await Task.WhenAll([holder, .. tasks]).WaitAsync(TimeSpan.FromSeconds(30)).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.All(tasks, t => Assert.True(t.IsCompleted));
        return tasks;
    }

    /// <summary>Commits since the journal began: the last frame of each says how large the database is now (https://www.sqlite.org/walformat.html).</summary>
    private int Commits()
    {
        using var file = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var wal = new byte[file.Length];
        file.ReadExactly(wal);
        var page = (int)BinaryPrimitives.ReadUInt32BigEndian(wal.AsSpan(8));
        var commits = 0;
        for (var at = 32; at + 24 + page <= wal.Length; at += 24 + page) commits += BinaryPrimitives.ReadUInt32BigEndian(wal.AsSpan(at + 4)) > 0 ? 1 : 0;
        return commits;
    }
}
