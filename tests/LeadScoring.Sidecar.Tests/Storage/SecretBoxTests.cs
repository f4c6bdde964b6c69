using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

public sealed class SecretBoxTests : IDisposable
{
    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    private SecretBox Box(string? keyFile = null) => new(Options.Create(new StorageOptions { Data = data, KeyFile = keyFile }));

    [Fact]
    public void Open_SealedBefore_IsTheSecretAlsoForTheNextProcess()
    {
        var sealedSecret = Box().Seal("a secret"u8, "here");
        Assert.Equal("a secret"u8.ToArray(), Box().Open(sealedSecret, "here"));
        Assert.Equal(-1, sealedSecret.AsSpan().IndexOf("a secret"u8));
        Assert.NotEqual(sealedSecret, Box().Seal("a secret"u8, "here"));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Box().Path));
    }

    [Fact]
    public void Open_ElsewhereChangedOrWithAnotherKey_IsRefused()
    {
        var sealedSecret = Box().Seal("a secret"u8, "here");
        Assert.Throws<StorageException>(() => Box().Open(sealedSecret, "there"));
        byte[] changed = [.. sealedSecret[..^1], (byte)(sealedSecret[^1] ^ 1)];
        Assert.Throws<StorageException>(() => Box().Open(changed, "here"));
        Assert.Throws<StorageException>(() => Box().Open(sealedSecret.AsSpan(0, 10), "here"));
        var other = Assert.Throws<StorageException>(() => Box(Path.Combine(data, "other.key")).Open(sealedSecret, "here"));
        Assert.Contains("LEADSCORING__KEYFILE", other.Message);
    }

    [Fact]
    public async Task Seal_ManyStartTogether_MakeOneKey()
    {
        SecretBox[] boxes = [.. Enumerable.Range(0, 8).Select(_ => Box())];
        var secrets = await Task.WhenAll(boxes.Select(box => Task.Run(() => box.Seal("x"u8, "here"))));
        Assert.All(secrets, s => Assert.Equal("x"u8.ToArray(), Box().Open(s, "here")));
        Assert.Single(Directory.GetFiles(data));
    }

    [Fact]
    public void Seal_KeyFileHoldsNoKey_SaysHowToMakeOne()
    {
        Directory.CreateDirectory(data);
        File.WriteAllText(Path.Combine(data, "short.key"), "c2hvcnQ=");
        Assert.Contains("openssl rand", Assert.Throws<StorageException>(() => Box(Path.Combine(data, "short.key")).Seal("x"u8, "here")).Message);
    }

    public void Dispose()
    {
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
    }
}
