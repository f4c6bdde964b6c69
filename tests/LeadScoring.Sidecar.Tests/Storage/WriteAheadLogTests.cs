using System.Buffers.Binary;
using Dapper;
using LeadScoring.Sidecar.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>SQLite's log is copied into the file beside the writers, and begins anew however steadily they write.</summary>
public sealed class WriteAheadLogTests() : SqliteFile("normal")
{
    private const int Megabyte = 1 << 20;

    [Fact]
    public async Task Log_OfASteadyStreamOfWrites_StaysShort()
    {
        var longest = 0L;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 150; i++)
            {
                await WriteAsync(Megabyte / 5);
                InterlockedMax(ref longest, new FileInfo(Log).Length);
            }
        })));
        Assert.InRange(longest, Megabyte, 45 * Megabyte);
        Assert.Equal(600, await CountAsync());
    }

    [Fact]
    public async Task Log_ThatAReaderKept_BeginsAnewWhenItHasGone()
    {
        await using (var reader = await Database.OpenConnectionAsync(default))
        {
            using var before = ((SqliteConnection)reader).BeginTransaction(deferred: true);
            Assert.Equal(0, await reader.ExecuteScalarAsync<int>("select count(*) from notes", transaction: before));
            for (var i = 0; i < 30; i++) await WriteAsync(Megabyte);
            Assert.Equal(0, await reader.ExecuteScalarAsync<int>("select count(*) from notes", transaction: before));
            Assert.True(new FileInfo(Log).Length > 30 * Megabyte);
        }

        var begun = Sequence();
        for (var i = 0; i < 100 && Sequence() == begun; i++)
        {
            await WriteAsync(Megabyte / 5);
            await Task.Delay(10);
        }

        Assert.True(Sequence() != begun, "The log did not begin anew within 20 megabytes.");
    }

    private Task WriteAsync(int bytes) => Database.WriteAsync(t => t.ExecuteAsync("insert into notes (body) values (randomblob(@bytes))", new { bytes }, default), default);

    /// <summary>How often the log began anew, from its header.</summary>
    private uint Sequence()
    {
        Span<byte> header = stackalloc byte[16];
        using var log = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        log.ReadExactly(header);
        return BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (var seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
            if (Interlocked.CompareExchange(ref target, value, seen) == seen) return;
    }
}
