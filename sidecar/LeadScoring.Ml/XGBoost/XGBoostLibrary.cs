using System.Globalization;
using System.Runtime.InteropServices;

namespace LeadScoring.Ml.XGBoost;

/// <summary>Whether XGBoost's native library can be used in this process, and what to do when it cannot.</summary>
/// <remarks>
/// Only training needs it; scoring reads XGBoost's JSON with managed code. Looked for once per process, at first use:
/// the path in the environment variable <c>LEADSCORING_LIBXGBOOST</c> when it is set (and then nowhere else), otherwise
/// <c>libxgboost.so.0</c>, <c>libxgboost.so</c>, <c>libxgboost</c>. Safe to use from any thread; no member throws.
/// </remarks>
public static class XGBoostLibrary
{
    /// <summary>Name of the environment variable that names the library file to load.</summary>
    public const string PathVariable = "LEADSCORING_LIBXGBOOST";

    private const string HowToInstall =
        "Training needs it. Install it (Debian/Ubuntu: apt-get install libxgboost0) or set LEADSCORING_LIBXGBOOST to the full path of libxgboost.so.";

    // 1.6 was the first with XGBoosterSaveModelToBuffer.
    private static readonly Version Oldest = new(1, 6, 0);

    private static readonly string[] DefaultNames = ["libxgboost.so.0", "libxgboost.so", "libxgboost"];

    private static readonly Lazy<SearchResult> Found = new(() => Search(Environment.GetEnvironmentVariable(PathVariable)));

    private static readonly Lazy<(string? Version, string? WhyUnavailable)> Checked = new(CheckVersion);

    /// <summary>True when models can be trained here.</summary>
    public static bool IsAvailable => WhyUnavailable is null;

    /// <summary>XGBoost's version such as <c>1.7.4</c>; null when the library was not found.</summary>
    public static string? Version => Checked.Value.Version;

    /// <summary>Null when available, otherwise one paragraph for the operator: what was tried, and how to install.</summary>
    public static string? WhyUnavailable => Checked.Value.WhyUnavailable;

    internal static IntPtr Handle => Found.Value.Handle;

    /// <summary>Makes later calls on this thread legal and silent.</summary>
    /// <exception cref="XGBoostException">The library is not available; the message is <see cref="WhyUnavailable"/>.</exception>
    internal static void Require()
    {
        if (WhyUnavailable is { } why)
            throw new XGBoostException(why);

        // Thread-local in XGBoost. A library does not write to the process's stderr.
        XGBoostException.Check(NativeMethods.XGBSetGlobalConfig("""{"verbosity": 0}"""));
    }

    internal static SearchResult Search(string? path)
    {
        UsePassiveOpenMP();
        var names = string.IsNullOrWhiteSpace(path) ? DefaultNames : [path];
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, out var handle))
                return new SearchResult(handle, null);
        }

        var tried = string.IsNullOrWhiteSpace(path)
            ? $"XGBoost's native library was not found (tried {string.Join(", ", names)})."
            : $"XGBoost's native library could not be loaded from '{path}', which {PathVariable} names.";
        return new SearchResult(IntPtr.Zero, $"{tried} {HowToInstall}");
    }

    // libgomp reads its environment when it is loaded, and spins on every core while it waits unless told otherwise
    // (3 to 4 times the CPU time on a busy two-core machine). Environment.SetEnvironmentVariable does not reach the
    // native environment, setenv does. An operator's own setting wins: overwrite = 0.
    private static void UsePassiveOpenMP()
    {
        if (OperatingSystem.IsWindows())
            return;
        try
        {
            _ = NativeMethods.SetEnvironment("OMP_WAIT_POLICY", "passive", 0);
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            // Only slower.
        }
    }

    private static (string? Version, string? WhyUnavailable) CheckVersion()
    {
        if (Found.Value.WhyUnavailable is { } why)
            return (null, why);
        try
        {
            NativeMethods.XGBoostVersion(out var major, out var minor, out var patch);
            var version = string.Create(CultureInfo.InvariantCulture, $"{major}.{minor}.{patch}");
            return new Version(major, minor, patch) >= Oldest
                ? (version, null)
                : (version, $"XGBoost {version} is too old; {Oldest} or later is needed. {HowToInstall}");
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return (null, $"The library that was loaded is not XGBoost ({exception.Message}). {HowToInstall}");
        }
    }

    internal sealed record SearchResult(IntPtr Handle, string? WhyUnavailable);
}
