using System.Runtime.InteropServices;

namespace LeadScoring.Ml.XGBoost;

/// <summary>XGBoost is missing, too old, or refused a call. The message is XGBoost's own, without its stack trace.</summary>
public sealed class XGBoostException : Exception
{
    /// <param name="message">What XGBoost, or the search for it, said.</param>
    public XGBoostException(string message)
        : base(message)
    {
    }

    // XGBoost keeps the message per thread: ask on the thread that failed, before anything else is called.
    internal static void Check(int code)
    {
        if (code == 0)
            return;
        var text = Marshal.PtrToStringUTF8(NativeMethods.XGBGetLastError()) ?? "unknown error";
        var trace = text.IndexOf("Stack trace", StringComparison.Ordinal);
        throw new XGBoostException("XGBoost: " + (trace < 0 ? text : text[..trace]).Trim());
    }
}
