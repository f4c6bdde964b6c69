using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Storage;

/// <summary>Seals secrets that must be read again (a hash will not do) with AES-256-GCM under a key that lies beside the database and not in it.</summary>
/// <remarks>The layout of a sealed secret: 1 byte version, 8 bytes of the key's SHA-256, 12 bytes nonce, 16 bytes tag, the ciphertext.</remarks>
internal sealed class SecretBox(IOptions<StorageOptions> options)
{
    private const byte Version = 1;
    private const int KeyBytes = 32;
    private const int TextBytes = 44;
    private const int KeyIdBytes = 8;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int HeaderBytes = 1 + KeyIdBytes + NonceBytes + TagBytes;

    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(2);

    // A file that could not be read is tried again: the other modes of Lazy would keep the failure until the service starts anew.
    private readonly Lazy<byte[]> key = new(() => ReadOrMake(PathOf(options.Value)), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>Where the key is.</summary>
    internal string Path => PathOf(options.Value);

    /// <param name="secret">What to seal.</param>
    /// <param name="place">Where it will be stored; it opens nowhere else, so that nobody with the database alone can swap two of them.</param>
    internal byte[] Seal(ReadOnlySpan<byte> secret, string place)
    {
        var box = new byte[HeaderBytes + secret.Length];
        box[0] = Version;
        KeyId(key.Value).CopyTo(box, 1);
        var nonce = box.AsSpan(1 + KeyIdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Value, TagBytes);
        aes.Encrypt(nonce, secret, box.AsSpan(HeaderBytes), box.AsSpan(HeaderBytes - TagBytes, TagBytes), Encoding.UTF8.GetBytes(place));
        return box;
    }

    /// <exception cref="StorageException">It was sealed with another key, or is not what was sealed here.</exception>
    internal byte[] Open(ReadOnlySpan<byte> box, string place)
    {
        if (box.Length < HeaderBytes || box[0] != Version || !box.Slice(1, KeyIdBytes).SequenceEqual(KeyId(key.Value)))
            throw new StorageException($"A stored secret was sealed with another key than the one in {Path}. Restore that file; all replicas need the same one (LEADSCORING__KEYFILE).");
        var secret = new byte[box.Length - HeaderBytes];
        using var aes = new AesGcm(key.Value, TagBytes);
        try
        {
            aes.Decrypt(box.Slice(1 + KeyIdBytes, NonceBytes), box[HeaderBytes..], box.Slice(HeaderBytes - TagBytes, TagBytes), secret, Encoding.UTF8.GetBytes(place));
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new StorageException("A stored secret was changed in the database.");
        }

        return secret;
    }

    private static byte[] KeyId(byte[] key) => SHA256.HashData(key)[..KeyIdBytes];

    private static string PathOf(StorageOptions options) =>
        System.IO.Path.GetFullPath(string.IsNullOrWhiteSpace(options.KeyFile) ? System.IO.Path.Combine(options.Data, "secrets.key") : options.KeyFile);

    private static byte[] ReadOrMake(string path)
    {
        if (!File.Exists(path)) Make(path);
        // Another process may be writing it this moment.
        SpinWait.SpinUntil(() => new FileInfo(path).Length >= TextBytes, LongestWrite);
        byte[] key;
        try
        {
            key = Convert.FromBase64String(File.ReadAllText(path).Trim());
        }
        catch (FormatException)
        {
            key = [];
        }

        return key.Length == KeyBytes ? key : throw new StorageException($"{path} holds no key. It must be {KeyBytes} random bytes in base64: openssl rand -base64 {KeyBytes} > {path}");
    }

    private static void Make(string path)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        // The first of those that start together makes it, the others find it there. A move onto the name would not do: .NET looks first and renames then, and the last one would win.
        var first = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows()) first.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var file = new FileStream(path, first);
            file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes))));
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (File.Exists(path))
        {
        }
    }
}
