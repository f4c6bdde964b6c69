using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Storage;

public sealed class BoundedCacheTests
{
    [Fact]
    public void Set_PastTheLimit_KeepsTheLimitAndWhatIsInUse()
    {
        var cache = new BoundedCache<int, string>(100);
        for (var i = 0; i < 10_000; i++)
        {
            cache.Set(i, "v" + i);
            // Asked for all the time, so it stays.
            Assert.Equal("v0", cache.Get(0));
            Assert.InRange(cache.Count, 1, 100);
        }

        Assert.Equal("v9999", cache.Get(9_999));
        Assert.Null(cache.Get(5_000));
    }

    [Fact]
    public void Limit0_Nothing_IsKept()
    {
        var cache = new BoundedCache<int, string>(0);
        cache.Set(1, "a");
        Assert.Equal("b", cache.GetOrAdd(1, () => "b"));
        Assert.Null(cache.Get(1));
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public void SetAndRemove_SameKeys_CountIsRight()
    {
        var cache = new BoundedCache<int, string>(50);
        Parallel.For(0, 20_000, i =>
        {
            if (i % 3 == 0) cache.Remove(i % 40);
            else if (i % 3 == 1) cache.Set(i % 40, "x");
            else cache.GetOrAdd(i % 40, () => "y");
        });
        Assert.Equal(Enumerable.Range(0, 40).Count(k => cache.Get(k) is not null), cache.Count);
        cache.RemoveWhere(k => k < 20);
        Assert.Equal(Enumerable.Range(20, 20).Count(k => cache.Get(k) is not null), cache.Count);
        Assert.Null(cache.Get(19));
    }
}
