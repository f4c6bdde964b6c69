namespace LeadScoring.Sidecar.Api;

/// <summary>Secrets of the settings that anybody would try first: nothing starts with one, whatever it opens.</summary>
internal static class WeakSecrets
{
    /// <summary>Shortest secret that proves to this service who somebody is.</summary>
    internal const int ShortestProof = 16;

    private static readonly string[] Known =
    [
        "changeme", "change-me", "change_me", "changeit", "default", "password", "passw0rd", "p@ssw0rd", "postgres", "secret", "admin", "root", "test", "example", "leadscoring", "letmein", "qwerty", "123456", "12345678", "123456789", "your-secret",
        "your_secret", "your-password", "your_password", "<password>", "<secret>", "xxx", "todo",
    ];

    private static readonly string[] Endings = ["PASSWORD", "SECRET", "TOKEN", "APIKEY"];

    /// <exception cref="ArgumentException">One of them is weak; the message names the setting, says what to do, and holds nothing of it.</exception>
    internal static void Refuse(IConfiguration configuration)
    {
        foreach (var (key, value) in configuration.GetSection("LeadScoring").AsEnumerable())
        {
            if (string.IsNullOrEmpty(value)) continue;
            var name = key.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal);
            if (name is "LEADSCORING__DATABASE" or "LEADSCORING__REDIS") RefuseKnown(name, PasswordIn(value), "Change it there (PostgreSQL: alter user NAME password '...'; Redis: requirepass), and here.");
            else if (Endings.Any(e => name.EndsWith(e, StringComparison.Ordinal))) RefuseKnown(name, value, "Make one where it belongs, such as: openssl rand -base64 32.");
            // With it a vendor's webhooks, or whoever reads the metrics, prove themselves.
            if (name.EndsWith("__WEBHOOKSECRET", StringComparison.Ordinal) && value.Length < ShortestProof)
                throw new ArgumentException($"{name}: {ShortestProof} characters or more, as webhooks are believed by it. Make one with openssl rand -base64 32, and set it at the vendor too.");
        }
    }

    private static void RefuseKnown(string name, string? secret, string whatToDo)
    {
        if (secret is not null && Known.Contains(secret.Trim(), StringComparer.OrdinalIgnoreCase)) throw new ArgumentException($"{name}: this secret is one that anybody tries first. {whatToDo}");
    }

    /// <summary>Null when there is none: other ways to prove oneself are the server's to check.</summary>
    private static string? PasswordIn(string setting)
    {
        if (Uri.TryCreate(setting, UriKind.Absolute, out var url) && url.UserInfo.Contains(':')) return Uri.UnescapeDataString(url.UserInfo[(url.UserInfo.IndexOf(':') + 1)..]);
        // host:port,password=... is how Redis is written.
        foreach (var part in setting.Split(',', ';'))
        {
            var pair = part.Split('=', 2);
            if (pair.Length == 2 && pair[0].Trim().ToUpperInvariant() is "PASSWORD" or "PWD") return pair[1].Trim().Trim('"', '\'');
        }

        return null;
    }
}
