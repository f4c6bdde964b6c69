using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Webhooks;

namespace LeadScoring.Sidecar.Tests.Webhooks;

public sealed partial class WebhookSignatureTests
{
    private static readonly string Document = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar/docs/webhooks.md"));

    [GeneratedRegex(@"^\| `(secret|webhook-id|webhook-timestamp|body|webhook-signature)` \| `([^`]+)` \|$", RegexOptions.Multiline)]
    private static partial Regex ExampleRow { get; }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private static Dictionary<string, string> Example() => ExampleRow.Matches(File.ReadAllText(Document)).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);

    private static string Block(string language) => Regex.Match(File.ReadAllText(Document), $"^```{language}\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Groups[1].Value;

    /// <summary>The example of Standard Webhooks' own specification and libraries: what they verify, we make.</summary>
    [Fact]
    public void Sign_StandardWebhooksExample_IsTheirs()
    {
        var key = Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookSignature.Sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, """{"test": 2432232314}"""u8));
    }

    [Fact]
    public void Sign_DocumentedExample_IsAsDocumented()
    {
        var example = Example();
        Assert.True(WebhookSignature.TryReadSecret(example["secret"], out var key));
        Assert.Equal(example["webhook-signature"], WebhookSignature.Sign([key], example["webhook-id"], long.Parse(example["webhook-timestamp"], System.Globalization.CultureInfo.InvariantCulture), Encoding.UTF8.GetBytes(example["body"])));
    }

    /// <summary>The C# that receivers copy is the one below.</summary>
    [Fact]
    public void Document_CSharp_IsTheTestedCode()
    {
        var tested = Regex.Match(File.ReadAllText(Path.Combine(SourceFolder(), "DocumentedVerifier.cs")), "^internal static class.*", RegexOptions.Multiline | RegexOptions.Singleline).Value;
        Assert.Equal(tested, Block("csharp"));
        var example = Example();
        bool Verify(string timestamp, string signature, long now) => DocumentedVerifier.IsFromUs(example["secret"], example["webhook-id"], timestamp, signature, Encoding.UTF8.GetBytes(example["body"]), now);
        var sentAt = long.Parse(example["webhook-timestamp"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(Verify(example["webhook-timestamp"], example["webhook-signature"], sentAt + 10));
        Assert.True(Verify(example["webhook-timestamp"], "v1,AAAA " + example["webhook-signature"], sentAt - 10));
        Assert.False(Verify(example["webhook-timestamp"], example["webhook-signature"], sentAt + 301));
        Assert.False(Verify((sentAt + 1).ToString(System.Globalization.CultureInfo.InvariantCulture), example["webhook-signature"], sentAt));
        Assert.False(Verify(example["webhook-timestamp"], "v1,AAAA", sentAt));
    }

    [NodeFact]
    public async Task Document_JavaScript_VerifiesTheExample()
    {
        var example = Example();
        var script = $$"""
            {{Block("js")}}
            const sent = {{System.Text.Json.JsonSerializer.Serialize(example)}};
            const at = (secret, headers, body, now) => isFromUs(secret, headers, Buffer.from(body), now);
            const now = Number(sent['webhook-timestamp']);
            console.log(at(sent.secret, sent, sent.body, now + 10), at(sent.secret, sent, sent.body + ' ', now), at(sent.secret, sent, sent.body, now + 301),
              at(sent.secret, { ...sent, 'webhook-signature': 'v1,AAAA ' + sent['webhook-signature'] }, sent.body, now), at(sent.secret, { ...sent, 'webhook-signature': 'v1,AAAA' }, sent.body, now));
            """;
        using var node = Process.Start(new ProcessStartInfo("node", ["--input-type=commonjs", "-"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        await node.StandardInput.WriteAsync(script);
        node.StandardInput.Close();
        var (output, error) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.WaitForExitAsync();
        Assert.Equal("true false false true false", (await output).Trim() + await error);
    }

    [Theory]
    [InlineData("v1,")]
    [InlineData("")]
    [InlineData("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
    [InlineData("v1,not base64")]
    public void Verify_OtherSignatures_AreNone(string signature) => Assert.False(WebhookSignature.Verify(
        Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", signature, """{"test": 2432232314}"""u8, 1614265330, TimeSpan.FromMinutes(5)));

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class NodeFactAttribute : FactAttribute
    {
        public NodeFactAttribute()
        {
            var isThere = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(p => File.Exists(Path.Combine(p, "node")));
            if (!isThere && Environment.GetEnvironmentVariable("CI") is null) Skip = "node is not installed.";
        }
    }
}
